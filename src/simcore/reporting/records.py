"""Metric records for readers: of arms that are named, and measures in reading order."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from simcore.errors import InputError
from simcore.study.records import FIELDS, LABEL_FREE, MEASURE, Measure, Record, read_records, select_measure

__all__ = ["FIELDS", "MEASURE", "Measure", "Record", "order_measures", "read_named_records", "select_measure"]

_EVALUATION_ORDER = ("linear", "knn", "finetune")
_METRIC_ORDER = ("top1", "top5", "mean_per_class")


def read_named_records(
    records: Iterable[Record] | pd.DataFrame, *, arms: Sequence[str], references: Sequence[str]
) -> pd.DataFrame:
    """Return the records as `read_records` does, all of them of `arms` or `references`.

    Raises:
        InputError: as `read_records`, or an arm is not named, or twice.
    """
    named = [*arms, *references]
    if len(set(named)) != len(named):
        raise InputError(
            f"`arms` and `references` name an arm twice: {', '.join(named)}; each may appear once: remove "
            "the repetition."
        )
    frame = read_records(records)
    unknown = sorted(set(frame["arm"]) - set(named))
    if unknown:
        raise InputError(
            f"The metrics hold the arms {', '.join(unknown)}, but `arms` and `references` name only "
            f"{', '.join(named)}; name them too or leave their records out."
        )
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
