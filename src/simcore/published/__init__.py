"""The paper's published numbers, as data."""

from simcore.published.counts import CountFinding, Counts, compare_counts, expected_counts
from simcore.published.oracle import OracleClass, oracle_classes
from simcore.published.ratios import published_ratio, sampling_ratios

__all__ = [
    "CountFinding",
    "Counts",
    "OracleClass",
    "compare_counts",
    "expected_counts",
    "oracle_classes",
    "published_ratio",
    "sampling_ratios",
]
