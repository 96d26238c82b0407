"""Arms side by side: mean, spread over seeds, intervals, and who cannot be told from the best."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from simcore.reporting.names import NOT_EVALUATED, arm_title, count_seeds, format_number, measure_title
from simcore.reporting.records import order_measures, read_named_records
from simcore.study.best import best_arms
from simcore.study.records import CHOICES, LABEL_FREE, MEASURE, Record, needs_labels, select_measure
from simcore.study.seeds import ENOUGH_SEEDS, summarise

MARK = "*"
"""Stands behind the value of an arm that cannot be told from the best."""

_COLUMNS = ["arm", "role", *MEASURE, "mean", "std", "n_seeds", "n", "low", "high", "among_best"]
_ABSENT = {**dict.fromkeys(("mean", "std", "low", "high"), math.nan), "n_seeds": 0}
_NO_LABELS = ("labelled", "accuracy", "")


def compare_arms(
    records: Iterable[Record],
    *,
    arms: Sequence[str],
    references: Sequence[str] = (),
    headline: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return one row per measure and arm with mean, spread over seeds and a 95 % interval.

    Rows are ordered by evaluation (linear, knn, finetune, others by name, label_free last), metric (that of `headline`,
    top1, top5, mean_per_class, others by name), protocol, then `arms` and `references` in the order given. The
    interval is Student's t over seeds: it covers the seeds, not the choice of test images. An arm without
    a value keeps its row with NaN and `n_seeds` 0; when no record needs labels, all arms get such rows for
    the measure (labelled, accuracy).

    Args:
        records: flat records with arm, seed (None where nothing is random), evaluation, metric, protocol,
            value, n (images measured on); the lists of all arms one after the other.
        arms: the arms to compare, in the order wanted.
        references: what arms are held against without pretraining, such as raw pixels or a random network.
        headline: metric that leads an evaluation, by evaluation: what the data set's literature reports.

    Returns:
        Columns arm, role ("arm" or "reference"), evaluation, metric, protocol, mean, std (sample; NaN for
        one seed), n_seeds, n, low, high (NaN for one seed), among_best (whether the arm is one of `best_arms`, to which
        references do not belong).

    Raises:
        InputError: a field is missing, an arm is not named, a value comes twice or is not finite, or n
            differs within a measure.

    Example:
        >>> base = {"arm": "x", "evaluation": "knn", "metric": "top1", "protocol": "clean k=20", "n": 1200}
        >>> seeds = [{**base, "seed": 0, "value": 0.7}, {**base, "seed": 1, "value": 0.8}]
        >>> frame = compare_arms(seeds, arms=["x"])
        >>> frame[["arm", "mean", "n_seeds"]].values.tolist()
        [['x', 0.75, 2]]
    """
    frame = read_named_records(records, arms=arms, references=references)
    summary = summarise(frame)
    best = best_arms(frame[frame["arm"].isin(arms)])
    measures = order_measures(frame, headline=headline)
    if all(evaluation == LABEL_FREE for evaluation, _, _ in measures):
        measures.insert(0, _NO_LABELS)
    rows: list[dict[str, Any]] = []
    for measure in measures:
        found: dict[str, Any] = {row["arm"]: row for row in select_measure(summary, measure).to_dict("records")}
        n = next((int(row["n"]) for row in found.values()), 0)
        rows += [
            {
                **dict(zip(MEASURE, measure, strict=True)),
                **found.get(arm, _ABSENT),
                "arm": arm,
                "role": "reference" if arm in references else "arm",
                "n": n,
                "among_best": arm in best.get(measure, ()),
            }
            for arm in (*arms, *references)
        ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def is_label_free(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that need no labels."""
    return frame[frame["evaluation"] == LABEL_FREE]


def format_result(row: Mapping[Any, Any]) -> str:
    """Return one row of a comparison in words: "0.801 ± 0.004 (3 seeds)", marked where it is among the best."""
    if row["n_seeds"] == 0:
        return NOT_EVALUATED if row["n"] == 0 else "not evaluated"
    spread = "" if row["n_seeds"] == 1 else f" ± {format_number(row['std'], like=row['mean'])}"
    mark = f" {MARK}" if row["among_best"] else ""
    return f"{format_number(row['mean'])}{spread} ({count_seeds(row['n_seeds'])}){mark}"


def explain_marks(comparison: pd.DataFrame) -> str:
    """Return what the marks of a comparison mean, or why there is none; nothing where there is nothing to tell apart.

    Args:
        comparison: what `compare_arms` returns, or some of its rows.

    Example:
        >>> base = {"evaluation": "knn", "metric": "top1", "protocol": "clean k=20", "n": 1200, "seed": 0}
        >>> records = [{**base, "arm": "x", "value": 0.5}, {**base, "arm": "simcore", "value": 0.75}]
        >>> explain_marks(compare_arms(records, arms=["x", "simcore"]))
        'No arm is marked as the best: one seed supports no claim.'
    """
    measured = needs_labels(comparison)
    measured = measured[(measured["role"] == "arm") & (measured["n_seeds"] > 0)]
    if measured["arm"].nunique() < 2:  # noqa: PLR2004 (it takes two to compare)
        return ""
    if measured["among_best"].any():
        return (
            f"{MARK} marks the arm with the highest mean of its column and every arm that cannot be told from it: "
            "seed by seed, the 95 % interval of how far they lie below it does not leave out zero, or there is none. "
            "Where several are marked, none of them is the winner; a column without a mark has too few seeds in "
            "common. References are not judged."
        )
    if measured["n_seeds"].max() < ENOUGH_SEEDS:
        return "No arm is marked as the best: one seed supports no claim."
    return "No arm is marked as the best: the one with the highest mean shares fewer than two seeds with another."


def pivot_comparison(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison for readers: one row an arm, one column a measure.

    Cells read "0.801 ± 0.004 (3 seeds)"; the number after ± is the sample standard deviation over seeds, and
    one seed stands without. `MARK` stands behind arms that cannot be told from the best of their column; what it means
    says `explain_marks`. What an evaluation chose (a learning rate) is left out.

    Args:
        comparison: what `compare_arms` returns, or some of its rows.

    Example:
        >>> base = {"evaluation": "knn", "metric": "top1", "protocol": "clean k=20", "n": 1200}
        >>> frame = compare_arms([{**base, "arm": "x", "seed": 0, "value": 0.7}], arms=["x"])
        >>> pivot_comparison(frame).loc["X", "kNN, top-1 accuracy (clean k=20)"]
        '0.700 (1 seed)'
    """
    table: dict[str, dict[str, str]] = {}
    shown = comparison[~comparison["metric"].isin(CHOICES)]
    for row in shown.to_dict("records"):
        heading = measure_title(*(row[field] for field in MEASURE))
        table.setdefault(heading, {})[arm_title(row["arm"])] = format_result(row)
    arms = pd.Index([arm_title(arm) for arm in dict.fromkeys(shown["arm"])], name="arm")
    return pd.DataFrame(table, index=arms).fillna("not evaluated")
