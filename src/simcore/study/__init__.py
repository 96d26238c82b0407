"""A study over arms and seeds: on which terms arms are compared, and what several seeds support."""

from simcore.study.best import best_arms
from simcore.study.differences import Verdict, judge_difference, paired_differences
from simcore.study.fairness import Fairness, describe_terms
from simcore.study.records import Measure, Record, read_records
from simcore.study.seeds import spread_over_seeds, summarise

__all__ = [
    "Fairness",
    "Measure",
    "Record",
    "Verdict",
    "best_arms",
    "describe_terms",
    "judge_difference",
    "paired_differences",
    "read_records",
    "spread_over_seeds",
    "summarise",
]
