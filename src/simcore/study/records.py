"""Metric records: what makes values comparable, checked before anything is computed from them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from simcore.errors import InputError

Record = Mapping[str, Any]
"""One value: arm, seed (None where nothing is random), evaluation, metric, protocol, value, n (images)."""

Measure = tuple[str, str, str]
"""Evaluation, metric and protocol: what makes two values comparable."""

MEASURE = ["evaluation", "metric", "protocol"]
FIELDS = ("arm", "seed", *MEASURE, "value", "n")

LABEL_FREE = "label_free"
"""Evaluation of measures without labels (alignment, uniformity, spread, effective rank): no end is the better one."""

CHOICES = frozenset({"learning_rate"})
"""Metric names of what an evaluation chose on the training images: recorded, but not a result."""


def read_records(records: Iterable[Record] | pd.DataFrame) -> pd.DataFrame:
    """Return the records as a frame with one row a record, checked, sorted by measure, arm and seed.

    Args:
        records: Flat records, or a frame of them: arm, seed (None where nothing is random), evaluation, metric,
            protocol, value, n (images measured on). What else they hold is left out.

    Raises:
        InputError: A field is missing, a value comes twice or is not finite, or n differs within a measure.

    Example:
        >>> base = {"evaluation": "knn", "metric": "top1", "protocol": "clean k=20", "n": 1200, "value": 0.75}
        >>> read_records([{**base, "arm": "x", "seed": 1}, {**base, "arm": "x", "seed": 0}])["seed"].tolist()
        [0, 1]
    """
    frame = _as_frame(records).astype({"value": float})
    broken = frame[~np.isfinite(frame["value"].to_numpy())]
    if len(broken):
        raise InputError(
            f"A metric is not a finite number ({_describe(broken.iloc[0])}); a mean over it would mean nothing: look "
            "at the training curve of that arm and run it again."
        )
    repeated = frame[frame.duplicated(["arm", "seed", *MEASURE])]
    if len(repeated):
        raise InputError(
            f"The metrics hold two values for {_describe(repeated.iloc[0])}; one value for each arm, seed and measure "
            "is allowed: remove one."
        )
    for (evaluation, metric, protocol), rows in split_measures(frame):
        sizes = sorted(set(rows["n"]))
        if len(sizes) > 1:
            raise InputError(
                f"{evaluation} {metric} ({protocol}) was measured on {' and on '.join(map(str, sizes))} images; arms "
                "can be compared on the same images only: evaluate them again on one test set."
            )
    return frame.sort_values([*MEASURE, "arm", "seed"], ignore_index=True)


def split_measures(frame: pd.DataFrame) -> Iterator[tuple[Measure, pd.DataFrame]]:
    """Yield each measure with its rows, sorted by name."""
    for (evaluation, metric, protocol), rows in frame.groupby(MEASURE):
        yield (str(evaluation), str(metric), str(protocol)), rows


def select_measure(frame: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """Return the rows of one measure."""
    return frame[(frame[MEASURE] == list(measure)).all(axis=1)]


def needs_labels(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of results that need labels, without what an evaluation merely chose."""
    return frame[(frame["evaluation"] != LABEL_FREE) & ~frame["metric"].isin(CHOICES)]


def _as_frame(records: Iterable[Record] | pd.DataFrame) -> pd.DataFrame:
    if isinstance(records, pd.DataFrame):
        missing = [field for field in FIELDS if field not in records]
        if missing:
            raise InputError(
                f"The metrics lack {', '.join(missing)}; every record needs {', '.join(FIELDS)}: write them again."
            )
        return records[list(FIELDS)]
    rows = []
    for record in records:
        missing = [field for field in FIELDS if field not in record]
        if missing:
            raise InputError(
                f"The metric record {dict(record)} lacks {', '.join(missing)}; every record needs "
                f"{', '.join(FIELDS)}: write the metrics of that evaluation again."
            )
        rows.append([record[field] for field in FIELDS])
    return pd.DataFrame(rows, columns=list(FIELDS))


def _describe(row: pd.Series) -> str:
    # A column with an empty seed holds the others as floats.
    seed = "without seed" if pd.isna(row["seed"]) else f"seed {row['seed']:g}"
    return f"{row['arm']}, {seed}, {row['evaluation']} {row['metric']}"
