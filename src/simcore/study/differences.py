"""How much better one arm is than another: differences seed by seed, and what they support."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from simcore.errors import InputError
from simcore.study.records import CHOICES, MEASURE, Record, read_records, split_measures
from simcore.study.seeds import ENOUGH_SEEDS, spread_over_seeds

Verdict = Literal["one_seed", "no_spread", "not_told", "above", "below"]
"""What a paired difference supports; only `above` and `below` are claims."""

DIFFERENCE_COLUMNS = [
    "arm", "against", *MEASURE, "arm_mean", "against_mean", "mean", "std", "n_seeds", "low", "high", "won",
]  # fmt: skip
# Below this, a spread is rounding: accuracies are counts over at most some millions of images.
_NO_SPREAD = 1e-9


def paired_differences(records: Iterable[Record] | pd.DataFrame, *, against: str) -> pd.DataFrame:
    """Return the difference of every other arm from `against`, over the seeds that both have.

    What the seed decides for both (splits, batches, first weights) cancels. An arm without seeds (raw pixels) has its
    value at every seed of the other. Each interval stands for its own comparison: it is not widened for their number.

    Args:
        records: Flat records, or a frame of them, as `read_records` takes them.
        against: The arm that is subtracted.

    Returns:
        Columns arm, against, evaluation, metric, protocol, arm_mean and against_mean (over the common seeds), mean (arm
        minus against), std, n_seeds, low, high (95 % interval of the mean, Student's t; NaN for one seed), won (share
        of the seeds in which the arm is strictly above). Sorted by measure, then arm; pairs without a common seed and
        what an evaluation merely chose are left out.

    Raises:
        InputError: As `read_records`, or the records have no arm `against`.

    Example:
        >>> base = {"evaluation": "knn", "metric": "top1", "protocol": "clean k=20", "n": 1200}
        >>> values = {("x", 0): 0.5, ("x", 1): 0.75, ("simcore", 0): 0.75, ("simcore", 1): 0.75}
        >>> records = [{**base, "arm": arm, "seed": seed, "value": value} for (arm, seed), value in values.items()]
        >>> paired_differences(records, against="x")[["arm", "mean", "n_seeds", "won"]].values.tolist()
        [['simcore', 0.125, 2, 0.5]]
    """
    checked = read_records(records)
    if against not in set(checked["arm"]):
        raise InputError(
            f"The metrics have no arm '{against}', only {', '.join(sorted(set(checked['arm'])))}; name one of these."
        )
    rows = [
        {"arm": arm, "against": against, **dict(zip(MEASURE, measure, strict=True)), **difference}
        for measure, of_measure in split_measures(checked[~checked["metric"].isin(CHOICES)])
        for arm in sorted(set(of_measure["arm"]) - {against})
        if (difference := pair_arms(of_measure, arm, against)) is not None
    ]
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS)


def pair_arms(of_measure: pd.DataFrame, arm: str, against: str) -> dict[str, Any] | None:
    """Return the difference of two arms under one measure as a row of `paired_differences`, without what names it.

    Args:
        of_measure: Checked records of one measure.
        arm: From which is subtracted.
        against: What is subtracted.

    Returns:
        None where the two share no seed.
    """
    pairs = _common_seeds(of_measure, arm, against)
    if not len(pairs):
        return None
    return {
        "arm_mean": float(pairs[:, 0].mean()),
        "against_mean": float(pairs[:, 1].mean()),
        **spread_over_seeds(pairs[:, 0] - pairs[:, 1]),
        "n_seeds": len(pairs),
        "won": float((pairs[:, 0] > pairs[:, 1]).mean()),
    }


def judge_difference(difference: Mapping[Any, Any]) -> Verdict:
    """Return what a row of `paired_differences` supports.

    One arm is above or below the other where the 95 % interval leaves out zero. One seed has no interval, and a
    difference that is the same in all seeds has no spread: neither supports a claim.

    Example:
        >>> judge_difference({"n_seeds": 3, "mean": 0.05, "std": 0.01, "low": 0.025, "high": 0.075})
        'above'
    """
    if difference["n_seeds"] < ENOUGH_SEEDS:
        return "one_seed"
    if difference["std"] < _NO_SPREAD:
        return "no_spread"
    if difference["low"] <= 0 <= difference["high"]:
        return "not_told"
    return "above" if difference["mean"] > 0 else "below"


def _common_seeds(of_measure: pd.DataFrame, arm: str, other: str) -> np.ndarray:
    """Return the values of two arms at their common seeds, `(n, 2)`."""
    first, second = (of_measure[of_measure["arm"] == name].set_index("seed")["value"] for name in (arm, other))
    if first.index.isna().all() and len(first):
        first = pd.Series(first.iloc[0], index=second.index)
    elif second.index.isna().all() and len(second):
        second = pd.Series(second.iloc[0], index=first.index)
    pairs = pd.concat([first, second], axis=1, join="inner").sort_index()
    return pairs.to_numpy(dtype=float)
