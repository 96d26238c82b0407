"""How much of an open-set the paper's runs selected."""

from functools import cache

import pandas as pd

from simcore.published.results import published_results


@cache
def sampling_ratios() -> pd.DataFrame:
    """Return the published ratios of the stop rule.

    One row a number: `table` ("main", "11", "12", "13"), `target`, `openset`, `method`, `encoder`, `tau`, and
    `ratio_percent`, the coreset in per cent of the open-set. Source: SimCore (CVPR 2023), main table and supplement,
    tables 11 to 13.

    Example:
        >>> len(sampling_ratios())
        100
    """
    table = published_results()
    ratios = table[table["metric"] == "ratio_percent"].drop(columns="ratio_percent")
    ratios = ratios.rename(columns={"dataset": "target", "value": "ratio_percent"})
    return ratios[["table", "target", "openset", "method", "encoder", "tau", "ratio_percent"]].reset_index(drop=True)


def published_ratio(
    *, target: str, openset: str, method: str, encoder: str, tau: float | None
) -> tuple[float, str] | None:
    """Return the published ratio in per cent and the table it stands in, None where the paper has none.

    Where two tables have it, the one with more digits counts.

    Args:
        target: Name of the data set, as `target.source` takes it.
        openset: Likewise.
        method: Of the retrieval encoder.
        encoder: Its architecture.
        tau: Threshold of the stop rule.

    Example:
        >>> published_ratio(target="pets", openset="imagenet", method="simclr", encoder="resnet50", tau=0.95)
        (14.36, '12')
    """
    table = sampling_ratios()
    wanted = {"target": target, "openset": openset, "method": method, "encoder": encoder, "tau": tau}
    rows = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    if rows.empty:
        return None
    digits = rows["ratio_percent"].map(lambda ratio: len(f"{ratio:g}"))
    best = rows.loc[digits.sort_values(ascending=False, kind="stable").index[0]]
    return float(best["ratio_percent"]), str(best["table"])
