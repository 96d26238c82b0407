"""On which terms arms were compared."""

from collections.abc import Mapping
from typing import Literal

Fairness = Literal["equal_compute", "paper"]
"""As many steps of the same batch for every arm, or each arm's own epochs."""


def describe_terms(steps: Mapping[str, int], *, fairness: Fairness) -> str:
    """Return one sentence on the terms, for a reader of the table.

    Args:
        steps: Optimiser steps that each arm took; all arms share a batch.
        fairness: What the comparison asked for.

    Example:
        >>> describe_terms({"x": 40_000, "simcore": 165_000}, fairness="paper")
        'Own epochs: arms take 40,000 to 165,000 steps of the same batch, a factor of 4.1 in compute.'
        >>> describe_terms({"x": 500, "simcore": 500}, fairness="equal_compute")
        'Equal compute: every arm takes 500 steps of the same batch, however many images it has.'
    """
    if not steps:
        return "No arm was trained."
    fewest, most = min(steps.values()), max(steps.values())
    if fewest == most:
        terms = "Equal compute" if fairness == "equal_compute" else "Own epochs, which come to equal compute here"
        return f"{terms}: every arm takes {most:,} steps of the same batch, however many images it has."
    terms = "Own epochs" if fairness == "paper" else "Equal compute but for arms that take the steps of a named one"
    factor = most / fewest
    return f"{terms}: arms take {fewest:,} to {most:,} steps of the same batch, a factor of {factor:.1f} in compute."
