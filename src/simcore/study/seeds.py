"""How good an arm is over its seeds: mean, spread and the interval of the mean."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from simcore.study.records import MEASURE, Record, read_records, split_measures

CONFIDENCE = 0.95
ENOUGH_SEEDS = 2
"""Fewer have no spread."""

_COLUMNS = ["arm", *MEASURE, "mean", "std", "n_seeds", "n", "low", "high"]


def spread_over_seeds(values: np.ndarray) -> dict[str, float]:
    """Return the mean, the sample standard deviation and the ends of the 95 % interval of the mean.

    The interval is Student's t: mean ± t(n − 1) · std / √n. With fewer than two values all but the mean are NaN.

    Args:
        values: `(n,)`, one value a seed.

    Example:
        >>> {name: round(value, 2) for name, value in spread_over_seeds(np.array([1.0, 2.0, 3.0])).items()}
        {'mean': 2.0, 'std': 1.0, 'low': -0.48, 'high': 4.48}
    """
    mean = float(np.mean(values)) if len(values) else math.nan
    if len(values) < ENOUGH_SEEDS:
        return {"mean": mean, "std": math.nan, "low": math.nan, "high": math.nan}
    std = float(np.std(values, ddof=1))
    half = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2)) * std / math.sqrt(len(values))
    return {"mean": mean, "std": std, "low": mean - half, "high": mean + half}


def summarise(records: Iterable[Record] | pd.DataFrame) -> pd.DataFrame:
    """Return one row an arm and measure: mean over seeds, standard deviation and 95 % interval of the mean.

    The interval (Student's t) covers the seeds, not the choice of test images or of data sets.

    Args:
        records: Flat records, or a frame of them, as `read_records` takes them.

    Returns:
        Columns arm, evaluation, metric, protocol, mean, std (n − 1 in the denominator), n_seeds, n, low, high; std, low
        and high are NaN for one seed. Sorted by measure, then arm.

    Raises:
        InputError: A field is missing, a value comes twice or is not finite, or n differs within a measure.

    Example:
        >>> base = {"evaluation": "knn", "metric": "top1", "protocol": "clean k=20", "n": 1200, "arm": "x"}
        >>> summarise([{**base, "seed": 0, "value": 0.75}])[["arm", "mean", "low"]].values.tolist()
        [['x', 0.75, nan]]
    """
    rows = [
        {
            "arm": arm,
            **dict(zip(MEASURE, measure, strict=True)),
            **spread_over_seeds(np.sort(values.to_numpy())),
            "n_seeds": len(values),
            "n": of_measure["n"].iloc[0],
        }
        for measure, of_measure in split_measures(read_records(records))
        for arm, values in of_measure.groupby("arm")["value"]
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)
