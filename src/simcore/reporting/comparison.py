"""Arms side by side: mean, spread over seeds and intervals."""

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
)
from simcore.reporting.records import (
    MEASURE,
    Record,
    order_measures,
    read_records,
    select_measure,
    spread_over_seeds,
)

_COLUMNS = ["arm", "role", *MEASURE, "mean", "std", "n_seeds", "n", "low", "high"]
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
        one seed), n_seeds, n, low, high (NaN for one seed).

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
    frame = read_records(records, arms=arms, references=references)
    measures = order_measures(frame, headline=headline)
    if all(evaluation == LABEL_FREE for evaluation, _, _ in measures):
        measures.insert(0, _NO_LABELS)
    rows: list[dict[str, Any]] = []
    for measure in measures:
        of_measure = select_measure(frame, measure)
        for arm in (*arms, *references):
            values = of_measure.loc[of_measure["arm"] == arm, "value"].to_numpy()
            rows.append(
                {
                    "arm": arm,
                    "role": "reference" if arm in references else "arm",
                    **dict(zip(MEASURE, measure, strict=True)),
                    **spread_over_seeds(values),
                    "n_seeds": len(values),
                    "n": int(of_measure["n"].iloc[0]) if len(of_measure) else 0,
                }
            )
    return pd.DataFrame(rows, columns=_COLUMNS)


def needs_labels(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of results that need labels, without what an evaluation merely chose."""
    return frame[(frame["evaluation"] != LABEL_FREE) & ~frame["metric"].isin(SETTINGS)]


def is_label_free(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that need no labels."""
    return frame[frame["evaluation"] == LABEL_FREE]


def format_result(row: dict[Any, Any]) -> str:
    """Return one row of a comparison in words: "0.801 ± 0.004 (3 seeds)"."""
    if row["n_seeds"] == 0:
        return NOT_EVALUATED if row["n"] == 0 else "not evaluated"
    spread = "" if row["n_seeds"] == 1 else f" ± {format_number(row['std'], like=row['mean'])}"
    return f"{format_number(row['mean'])}{spread} ({count_seeds(row['n_seeds'])})"


def pivot_comparison(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison for readers: one row an arm, one column a measure.

    Cells read "0.801 ± 0.004 (3 seeds)"; the number after ± is the sample standard deviation over seeds, and
    one seed stands without. What an evaluation chose (a learning rate) is left out.

    Args:
        comparison: what `compare_arms` returns, or some of its rows.

    Example:
        >>> base = {"evaluation": "knn", "metric": "top1", "protocol": "clean k=20", "n": 1200}
        >>> frame = compare_arms([{**base, "arm": "x", "seed": 0, "value": 0.7}], arms=["x"])
        >>> pivot_comparison(frame).loc["X", "kNN, top-1 accuracy (clean k=20)"]
        '0.700 (1 seed)'
    """
    table: dict[str, dict[str, str]] = {}
    shown = comparison[~comparison["metric"].isin(SETTINGS)]
    for row in shown.to_dict("records"):
        heading = measure_title(*(row[field] for field in MEASURE))
        table.setdefault(heading, {})[arm_title(row["arm"])] = format_result(row)
    arms = pd.Index([arm_title(arm) for arm in dict.fromkeys(shown["arm"])], name="arm")
    return pd.DataFrame(table, index=arms).fillna("not evaluated")
