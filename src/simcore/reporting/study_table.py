"""A study's table: how large each arm's part of the open-set is, and how good its encoders are."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from simcore.reporting.comparison import compare_arms, needs_labels
from simcore.reporting.differences import compare_pairs
from simcore.reporting.records import MEASURE, Record


def tabulate_study(
    records: Iterable[Record],
    *,
    arms: Sequence[str],
    sizes: Mapping[str, int],
    n_openset: int | Mapping[str, int],
    references: Sequence[str] = (),
    headline: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return one row an arm and measure: images, share of the open-set, mean over seeds, differences to the first arm.

    Args:
        records: Flat records, as `compare_arms` takes them.
        arms: The arms, in the order wanted; the first is what the others are held against.
        sizes: Images of the open-set in each arm.
        n_openset: Images of the open-set; by arm where the arms have different ones.
        references: Names among the records that are no arms.
        headline: Metric that leads an evaluation, by evaluation.

    Returns:
        Columns arm, images, ratio_percent, evaluation, metric, protocol, mean, std, low, high, n_seeds, n, among_best,
        against, difference, difference_low, difference_high (NaN for the first arm, and the interval for one seed).
        Measures without labels are left out.

    Raises:
        InputError: As `compare_arms`.

    Example:
        >>> base = {"evaluation": "knn", "metric": "top1", "protocol": "clean k=20", "n": 1200, "seed": 0}
        >>> records = [{**base, "arm": "x", "value": 0.5}, {**base, "arm": "simcore", "value": 0.75}]
        >>> table = tabulate_study(records, arms=["x", "simcore"], sizes={"x": 0, "simcore": 10}, n_openset=1000)
        >>> table[["arm", "ratio_percent", "mean", "difference"]].values.tolist()
        [['x', 0.0, 0.5, nan], ['simcore', 1.0, 0.75, 0.25]]
    """
    records = list(records)
    compared = compare_arms(records, arms=arms, references=references, headline=headline)
    rows = needs_labels(compared[compared["role"] == "arm"]).drop(columns="role")
    differences = compare_pairs(records, arms=arms, references=references, against=(arms[0],), headline=headline)
    beside = differences[["arm", *MEASURE, "against", "mean", "low", "high"]].rename(
        columns={"mean": "difference", "low": "difference_low", "high": "difference_high"}
    )
    table = rows.merge(beside, on=["arm", *MEASURE], how="left", sort=False)
    images = table["arm"].map(dict(sizes)).astype("int64")
    whole = n_openset if isinstance(n_openset, int) else table["arm"].map(dict(n_openset))
    first = ["arm", "images", "ratio_percent", *MEASURE, "mean", "std", "low", "high", "n_seeds", "n", "among_best"]
    table = table.assign(images=images, ratio_percent=100 * images / whole)
    return table[[*first, "against", "difference", "difference_low", "difference_high"]]
