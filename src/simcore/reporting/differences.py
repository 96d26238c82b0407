"""Arms against each other, seed by seed, as a table and as a sentence that claims nothing beyond the numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from simcore.reporting.names import NOT_EVALUATED, arm_title, count_seeds, format_number, measure_title, start_sentence
from simcore.reporting.records import order_measures, read_named_records
from simcore.study.differences import DIFFERENCE_COLUMNS, judge_difference, paired_differences
from simcore.study.records import LABEL_FREE, MEASURE, Measure, Record, select_measure


def compare_pairs(
    records: Iterable[Record],
    *,
    arms: Sequence[str],
    references: Sequence[str] = (),
    against: Sequence[str] = ("x", "random"),
    headline: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the paired differences of the arms, each pair once, in the order of `compare_arms`.

    "random against x" makes "x against random" a repetition, which is left out, and so are pairs without a common seed
    and what an evaluation chose (a learning rate).

    Args:
        records: as in `compare_arms`.
        arms: the arms that were compared.
        references: arms that may be in the records and get no difference.
        against: what to subtract; names that are not in `arms`, or have no record, are left out.
        headline: as in `compare_arms`.

    Returns:
        The columns of `simcore.study.paired_differences`. Rows are ordered by measure, then `against`, then `arms`.

    Raises:
        InputError: as in `compare_arms`.

    Example:
        >>> base = {"evaluation": "knn", "metric": "top1", "protocol": "clean k=20", "n": 1200, "seed": 0}
        >>> records = [{**base, "arm": "x", "value": 0.75}, {**base, "arm": "simcore", "value": 0.875}]
        >>> compare_pairs(records, arms=["x", "simcore"])[["arm", "against", "mean"]].values.tolist()
        [['simcore', 'x', 0.125]]
    """
    frame = read_named_records(records, arms=arms, references=references)
    frame = frame[frame["arm"].isin(arms)]
    recorded = set(frame["arm"])
    others = [other for other in against if other in recorded]
    pairs = [
        (arm, other)
        for position, other in enumerate(others)
        for arm in arms
        if arm != other and arm not in others[:position]
    ]
    tables = [paired_differences(frame, against=other) for other in others]
    found = {
        (*(row[field] for field in MEASURE), row["arm"], row["against"]): row
        for table in tables
        for row in table.to_dict("records")
    }
    wanted = [(*measure, *pair) for measure in order_measures(frame, headline=headline) for pair in pairs]
    return pd.DataFrame([found[each] for each in wanted if each in found], columns=DIFFERENCE_COLUMNS)


def format_interval(row: Mapping[Any, Any]) -> str:
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


def _put_verdict(row: Mapping[Any, Any]) -> str:
    """Return what a paired difference supports, in one clause."""
    seeds = count_seeds(row["n_seeds"])
    pair = arm_title(row["arm"]), arm_title(row["against"])
    match judge_difference(row):
        case "one_seed":
            return "one seed: no spread, no claim"
        case "no_spread":
            return f"the difference is the same on all {seeds}, so it has no interval: no claim"
        case "not_told":
            return f"no difference can be claimed from {seeds}"
        case side:
            return f"{pair[0]} is {side} {pair[1]} over these {seeds}"


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
        differences: what `compare_pairs` returns.
        arm: the arm that is judged.
        against: the arm it is held against.
        measure: evaluation, metric and protocol; None takes the leading one, which is the first of the table.

    Example:
        >>> base = {"evaluation": "linear", "metric": "top1", "protocol": "clean", "n": 1200, "seed": 0}
        >>> records = [{**base, "arm": "random", "value": 0.75}, {**base, "arm": "simcore", "value": 0.8}]
        >>> sentence = state_finding(compare_pairs(records, arms=["random", "simcore"]))
        >>> sentence.split("; ")[0]
        'Linear probe, top-1 accuracy (clean): X + SimCore 0.800, X + random 0.750, difference +0.050'
        >>> sentence.split("; ")[1]
        'one seed: no spread, no claim.'
    """
    if measure is None:
        measure = _leading(differences)
        if measure is None:
            return f"Accuracy: {NOT_EVALUATED}."
    title = start_sentence(measure_title(*measure))
    pair = (differences["arm"] == arm) & (differences["against"] == against)
    chosen = select_measure(differences[pair], measure)
    if chosen.empty:
        return f"{title}: {arm_title(arm)} and {arm_title(against)} share no seed, so they are not compared."
    row = chosen.to_dict("records")[0]
    interval = f" (95 % interval {format_interval(row)})" if row["n_seeds"] > 1 else ""
    return (
        f"{title}: {arm_title(arm)} {format_number(row['arm_mean'])}, {arm_title(against)} "
        f"{format_number(row['against_mean'])}, difference {format_number(row['mean'], signed=True)}"
        f"{interval}; {_put_verdict(row)}."
    )


def _leading(differences: pd.DataFrame) -> Measure | None:
    labelled = differences[differences["evaluation"] != LABEL_FREE]
    if labelled.empty:
        return None
    evaluation, metric, protocol = (str(labelled.iloc[0][field]) for field in MEASURE)
    return evaluation, metric, protocol
