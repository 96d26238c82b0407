"""The paper's published numbers, as data."""

from simcore.published.ratios import published_ratio, sampling_ratios

__all__ = ["published_ratio", "sampling_ratios"]
