"""Metric records: checked, in a stated order, and their spread over seeds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from simcore.errors import InputError
from simcore.reporting.names import LABEL_FREE, measure_title

Record = Mapping[str, Any]
"""One value: arm, seed (None where nothing is random), evaluation, metric, protocol, value, n (images)."""

Measure = tuple[str, str, str]
"""Evaluation, metric and protocol: what makes two values comparable."""

FIELDS = ("arm", "seed", "evaluation", "metric", "protocol", "value", "n")
MEASURE = ["evaluation", "metric", "protocol"]
CONFIDENCE = 0.95
_EVALUATION_ORDER = ("linear", "knn", "finetune")
_METRIC_ORDER = ("top1", "top5", "mean_per_class")


def _check_arms(frame: pd.DataFrame, *, arms: Sequence[str], references: Sequence[str]) -> None:
    named = [*arms, *references]
    if len(set(named)) != len(named):
        raise InputError(
            f"`arms` and `references` name an arm twice: {', '.join(named)}; each may appear once: remove "
            "the repetition."
        )
    unknown = sorted(set(frame["arm"]) - set(named))
    if unknown:
        raise InputError(
            f"The metrics hold the arms {', '.join(unknown)}, but `arms` and `references` name only "
            f"{', '.join(named)}; name them too or leave their records out."
        )


def _check_values(frame: pd.DataFrame) -> None:
    described = frame["arm"].astype(str) + ", seed " + frame["seed"].astype(str)
    described += ", " + frame["evaluation"].astype(str) + " " + frame["metric"].astype(str)
    broken = described[~np.isfinite(frame["value"].to_numpy())]
    if len(broken):
        raise InputError(
            f"A metric is not a finite number ({broken.iloc[0]}); a mean over it would mean nothing: look at "
            "the training curve of that arm and run it again."
        )
    repeated = described[frame.duplicated(["arm", "seed", *MEASURE])]
    if len(repeated):
        raise InputError(
            f"The metrics hold two values for {repeated.iloc[0]}; one value for each arm, seed and measure "
            "is allowed: remove one."
        )
    for measure in order_measures(frame):
        sizes = sorted(set(select_measure(frame, measure)["n"]))
        if len(sizes) > 1:
            raise InputError(
                f"{measure_title(*measure)} was measured on {' and on '.join(map(str, sizes))} images; arms "
                "can be compared on the same images only: evaluate them again on one test set."
            )


def read_records(records: Iterable[Record], *, arms: Sequence[str], references: Sequence[str]) -> pd.DataFrame:
    """Return the records as a frame with one row a record, checked.

    Raises:
        InputError: a field is missing, an arm is not named, a value comes twice or is not finite, or n
            differs within a measure.
    """
    rows = []
    for record in records:
        missing = [field for field in FIELDS if field not in record]
        if missing:
            raise InputError(
                f"The metric record {dict(record)} lacks {', '.join(missing)}; every record needs "
                f"{', '.join(FIELDS)}: write the metrics of that evaluation again."
            )
        rows.append([record[field] for field in FIELDS])
    frame = pd.DataFrame(rows, columns=list(FIELDS)).astype({"value": float})
    _check_arms(frame, arms=arms, references=references)
    _check_values(frame)
    return frame


def _rank(name: str, order: Sequence[str]) -> tuple[int, str]:
    return (order.index(name) if name in order else len(order), name)


def order_measures(frame: pd.DataFrame, *, headline: Mapping[str, str] | None = None) -> list[Measure]:
    """Return the measures of the frame: linear, kNN, fine-tuning, others by name, label-free last.

    Args:
        frame: One row a record.
        headline: Metric that leads an evaluation, by evaluation; where it says nothing, top-1 does.
    """
    leading = headline or {}

    def rank(measure: Measure) -> tuple[Any, ...]:
        evaluation, metric, protocol = measure
        # Label-free evidence stands after everything that needs labels, whatever its name.
        label_free = evaluation == LABEL_FREE
        leads = metric != leading.get(evaluation, _METRIC_ORDER[0])
        return label_free, _rank(evaluation, _EVALUATION_ORDER), leads, _rank(metric, _METRIC_ORDER), protocol

    found = {(str(row[0]), str(row[1]), str(row[2])) for row in frame[MEASURE].to_numpy()}
    return sorted(found, key=rank)


def select_measure(frame: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """Return the rows of one measure."""
    return frame[(frame[MEASURE] == list(measure)).all(axis=1)]


def spread_over_seeds(values: np.ndarray) -> dict[str, float]:
    """Return the mean, the sample standard deviation and the ends of the 95 % interval of the mean.

    The interval is Student's t: mean ± t(n − 1) · std / √n. With fewer than two values all but the mean
    are NaN.

    Args:
        values: (n,), one value a seed.

    Example:
        >>> {name: round(value, 2) for name, value in spread_over_seeds(np.array([1.0, 2.0, 3.0])).items()}
        {'mean': 2.0, 'std': 1.0, 'low': -0.48, 'high': 4.48}
    """
    mean = float(np.mean(values)) if len(values) else math.nan
    if len(values) < 2:  # noqa: PLR2004 (a spread needs two)
        return {"mean": mean, "std": math.nan, "low": math.nan, "high": math.nan}
    std = float(np.std(values, ddof=1))
    half = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2)) * std / math.sqrt(len(values))
    return {"mean": mean, "std": std, "low": mean - half, "high": mean + half}
