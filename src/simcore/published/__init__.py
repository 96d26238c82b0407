"""The paper's published numbers, as data."""

from simcore.published.comparing import compare_with_published
from simcore.published.counts import CountFinding, Counts, compare_counts, expected_counts
from simcore.published.oracle import OracleClass, oracle_classes
from simcore.published.ratios import published_ratio, sampling_ratios
from simcore.published.results import published_results

__all__ = [
    "CountFinding",
    "Counts",
    "OracleClass",
    "compare_counts",
    "compare_with_published",
    "expected_counts",
    "oracle_classes",
    "published_ratio",
    "published_results",
    "sampling_ratios",
]
