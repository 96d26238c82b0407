"""Arms against each other, seed by seed, and a sentence that claims nothing beyond the numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from simcore.reporting.names import (
    LABEL_FREE,
    NOT_EVALUATED,
    SETTINGS,
    arm_title,
    count_seeds,
    format_number,
    measure_title,
    start_sentence,
)
from simcore.reporting.records import (
    MEASURE,
    Measure,
    Record,
    order_measures,
    read_records,
    select_measure,
    spread_over_seeds,
)

_COLUMNS = [
    "arm", "against", *MEASURE, "arm_mean", "against_mean", "mean", "std", "n_seeds", "low", "high",
]  # fmt: skip
# Below this, a spread is rounding: accuracies are counts over at most some millions of images.
_NO_SPREAD = 1e-9


def _pairs(arms: Sequence[str], against: Sequence[str]) -> list[tuple[str, str]]:
    """Return (arm, other) once for each pair: "random against x" makes "x against random" a repetition."""
    others = [other for other in against if other in arms]
    return [
        (arm, other)
        for position, other in enumerate(others)
        for arm in arms
        if arm != other and arm not in others[:position]
    ]


def paired_differences(
    records: Iterable[Record],
    *,
    arms: Sequence[str],
    references: Sequence[str] = (),
    against: Sequence[str] = ("x", "random"),
    headline: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the differences of arms, seed by seed, with a 95 % interval of their mean.

    Both arms of a pair share the seed, so what the seed decides for both (splits, batches, initial weights)
    cancels. Each interval (Student's t) stands for its own comparison: it is not widened for their number.
    A pair without a common seed is left out, and so is what an evaluation chose (a learning rate).

    Args:
        records: as in `compare_arms`.
        arms: the arms that were compared.
        references: arms that may be in the records and get no difference.
        against: what to subtract; names that are not in `arms` are left out.
        headline: as in `compare_arms`.

    Returns:
        Columns arm, against, evaluation, metric, protocol, arm_mean and against_mean (over the common
        seeds), mean (arm minus against), std, n_seeds, low, high; std, low and high are NaN for one seed.

    Raises:
        InputError: as in `compare_arms`.

    Example:
        >>> base = {"evaluation": "knn", "metric": "top1", "protocol": "clean k=20", "n": 1200, "seed": 0}
        >>> records = [{**base, "arm": "x", "value": 0.75}, {**base, "arm": "simcore", "value": 0.875}]
        >>> paired_differences(records, arms=["x", "simcore"])[["arm", "against", "mean"]].values.tolist()
        [['simcore', 'x', 0.125]]
    """
    frame = read_records(records, arms=arms, references=references)
    frame = frame[~frame["metric"].isin(SETTINGS)].dropna(subset="seed")
    rows: list[dict[str, Any]] = []
    for measure in order_measures(frame, headline=headline):
        by_seed = select_measure(frame, measure).pivot(index="seed", columns="arm", values="value")
        for arm, other in _pairs(arms, against):
            if arm not in by_seed or other not in by_seed:
                continue
            pairs = by_seed[[arm, other]].dropna().sort_index()
            if pairs.empty:
                continue
            rows.append(
                {
                    "arm": arm,
                    "against": other,
                    **dict(zip(MEASURE, measure, strict=True)),
                    "arm_mean": float(pairs[arm].mean()),
                    "against_mean": float(pairs[other].mean()),
                    **spread_over_seeds((pairs[arm] - pairs[other]).to_numpy()),
                    "n_seeds": len(pairs),
                }
            )
    return pd.DataFrame(rows, columns=_COLUMNS)


def format_interval(row: dict[Any, Any]) -> str:
    """Return the interval of a difference in words: "−0.010 to +0.044"."""
    if row["n_seeds"] == 1:
        return "none: one seed"
    return f"{_format_end(row['low'], mean=row['mean'])} to {_format_end(row['high'], mean=row['mean'])}"


def _format_end(end: float, *, mean: float) -> str:
    """Return one end of an interval; close to zero with the digit that shows on which side it lies."""
    text = format_number(end, signed=True, like=mean)
    if end and not text.startswith(("+", "−")):
        return f"{end:+.1g}".replace("-", "−")
    return text


def judge_difference(row: dict[Any, Any]) -> str:
    """Return what a row of `paired_differences` supports, in one clause."""
    if row["n_seeds"] == 1:
        return "one seed: no spread, no claim"
    seeds = count_seeds(row["n_seeds"])
    if row["std"] < _NO_SPREAD:
        return f"the difference is the same on all {seeds}, so it has no interval: no claim"
    if row["low"] <= 0 <= row["high"]:
        return f"no difference can be claimed from {seeds}"
    side = "above" if row["mean"] > 0 else "below"
    return f"{arm_title(row['arm'])} is {side} {arm_title(row['against'])} over these {seeds}"


def state_finding(
    differences: pd.DataFrame,
    *,
    arm: str = "simcore",
    against: str = "random",
    measure: Measure | None = None,
) -> str:
    """Return one sentence on `arm` against `against` that claims nothing beyond the numbers.

    A difference is claimed only when the 95 % interval of the paired differences leaves out zero; one seed
    has no spread and supports no claim.

    Args:
        differences: what `paired_differences` returns.
        arm: the arm that is judged.
        against: the arm it is held against.
        measure: evaluation, metric and protocol; None takes the leading one, which is the first of the table.

    Example:
        >>> base = {"evaluation": "linear", "metric": "top1", "protocol": "clean", "n": 1200, "seed": 0}
        >>> records = [{**base, "arm": "random", "value": 0.75}, {**base, "arm": "simcore", "value": 0.8}]
        >>> sentence = state_finding(paired_differences(records, arms=["random", "simcore"]))
        >>> sentence.split("; ")[0]
        'Linear probe, top-1 accuracy (clean): X + SimCore 0.800, X + random 0.750, difference +0.050'
        >>> sentence.split("; ")[1]
        'one seed: no spread, no claim.'
    """
    if measure is None:
        measure = _leading(differences)
        if measure is None:
            return f"Accuracy: {NOT_EVALUATED}."
    evaluation, metric, protocol = measure
    title = start_sentence(measure_title(evaluation, metric, protocol))
    pair = (differences["arm"] == arm) & (differences["against"] == against)
    chosen = select_measure(differences[pair], (evaluation, metric, protocol))
    if chosen.empty:
        return f"{title}: {arm_title(arm)} and {arm_title(against)} share no seed, so they are not compared."
    row = chosen.to_dict("records")[0]
    interval = f" (95 % interval {format_interval(row)})" if row["n_seeds"] > 1 else ""
    return (
        f"{title}: {arm_title(arm)} {format_number(row['arm_mean'])}, {arm_title(against)} "
        f"{format_number(row['against_mean'])}, difference {format_number(row['mean'], signed=True)}"
        f"{interval}; {judge_difference(row)}."
    )


def _leading(differences: pd.DataFrame) -> Measure | None:
    labelled = differences[differences["evaluation"] != LABEL_FREE]
    if labelled.empty:
        return None
    evaluation, metric, protocol = (str(labelled.iloc[0][field]) for field in MEASURE)
    return evaluation, metric, protocol
