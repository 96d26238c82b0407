"""Measured numbers beside the published ones, with what differs in how they came about."""

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from simcore.errors import InputError
from simcore.published.counts import expected_counts
from simcore.published.results import published_results

_MATCHED = ["dataset", "method", "encoder", "arm", "evaluation", "metric"]
_NEEDED = [*_MATCHED, "protocol", "value"]
_TOLD = ["openset", "ratio_percent", "tau", "recipe", "image_size", "fairness"]
_BY_PROTOCOL = {
    "neighbours": r"\bk=(\d+)",
    "labels_percent": r"(\d+) % of labels",
    # Who learns from the labels, or asks for them: between the protocol and their share.
    "learner": r"^\w+ (\w+) \d+ % of labels",
}
_WITH_LEARNER = frozenset({"semi_supervised", "openset_semi_supervised", "webly", "active_learning"})
_COLUMNS = [
    "table", "dataset", "openset", "method", "encoder", "arm", "ratio_percent", "tau", "evaluation", "metric",
    "protocol", "n_seeds", "published", "ours", "difference", "protocol_differences", "flag",
]  # fmt: skip
_IMAGE_SIZE = 224
# What a protocol says after the share of labels: planted noise, another network than the paper's.
_FURTHER = re.compile(r"% of labels, (.+?)(?: - |$)")
# How the protocol of a test part that was drawn ends.
_DRAWN = "drawn test"
_FAIRNESS = "paper"
_ON_ALL_TEST_IMAGES = frozenset({"linear", "knn", "finetune", "detection", "segmentation", *_WITH_LEARNER})
# Names of arms that say their share of the open-set or their threshold.
_ARM = re.compile(r"(?P<arm>.+?)(?:_(?P<ratio>\d+)pct|_tau_(?P<tau>\d+))?")


def compare_with_published(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return measured numbers beside the published ones that they come closest to.

    Rows match by data set, method, encoder, arm, evaluation and metric, by k of kNN, by the share of labels and by who
    learns from them (`clean fixmatch 10 % of labels`), and by `table` where it is given. Seeds are averaged. Of several
    published numbers that one is taken from which the run differs in the fewest things; of equal ones the first of
    `published_results`. What matches nothing is left out.

    `protocol_differences` is a sentence on what the records tell to be different: protocol, open-set, share of the
    open-set or threshold, recipe, image size, terms of the comparison, test images, seeds. Empty, it says that nothing
    of that kind is known to differ; what the records do not tell is not compared. Published numbers are of one seed.

    Args:
        metrics: Flat records with `dataset` (as `target.source` takes it), `method`, `encoder`, `arm`, `evaluation`,
            `metric`, `protocol` and `value` (a share, 0 to 1); where known `table`, `seed`, `n` (test images),
            `openset`, `ratio_percent`, `tau`, `recipe`, `image_size`, `fairness` (`paper` or `equal_compute`). Arms
            that end in `_5pct` or `_tau_90` say the share or the threshold themselves.

    Returns:
        Columns table, dataset, openset, method, encoder, arm, ratio_percent, tau (as published), evaluation, metric,
        protocol, n_seeds, published and ours (per cent), difference (ours minus published), protocol_differences, flag.

    Raises:
        InputError: A column is missing, or a value that has a published counterpart is no share.

    Example:
        >>> run = {"dataset": "pets", "method": "simclr", "encoder": "resnet50", "arm": "x", "evaluation": "linear"}
        >>> run |= {"metric": "mean_per_class", "protocol": "clean", "value": 0.6, "seed": 0, "image_size": 32}
        >>> (row,) = compare_with_published(pd.DataFrame([run])).to_dict("records")
        >>> row["table"], row["published"], row["ours"], round(row["difference"], 2)
        ('main', 59.23, 60.0, 0.77)
        >>> row["protocol_differences"]
        'Clean instead of published; image size 32 instead of 224.'
    """
    missing = [column for column in _NEEDED if column not in metrics]
    if missing:
        raise InputError(
            f"The metrics lack {', '.join(missing)}; published numbers are found by {', '.join(_NEEDED)}: add them."
        )
    tables = ["table"] if "table" in metrics else []
    ours = _average(_tell_budget(metrics), by=[*tables, *_NEEDED[:-1], *(name for name in _TOLD if name in metrics)])
    published = published_results().rename(columns={"metric": "printed_metric", "our_metric": "metric"})
    published["learner"] = published["recipe"].where(published["evaluation"].isin(_WITH_LEARNER))
    keys = [*tables, *_MATCHED, *_BY_PROTOCOL]
    pairs = ours.merge(published, on=keys, suffixes=("_ours", ""), sort=False)
    broken = pairs[~pairs["ours"].between(0, 1)]
    if len(broken):
        first = broken.iloc[0]
        raise InputError(
            f"The {first['evaluation']} {first['metric']} of the arm {first['arm']} is {first['ours']:g}; values are "
            "shares from 0 to 1: give them as the records have them."
        )
    if pairs.empty:
        return pd.DataFrame(columns=_COLUMNS)
    found = [_differences(row) for row in pairs.to_dict("records")]
    pairs = pairs.assign(
        published=pairs["value"],
        ours=100 * pairs["ours"],
        difference=100 * pairs["ours"] - pairs["value"],
        protocol_differences=[_sentence(each) for each in found],
        count=[len(each) for each in found],
    )
    # The order of the published table decides between equal ones, because the sort is stable.
    closest = pairs.sort_values("count", kind="stable").drop_duplicates("number").sort_values("number")
    return closest[_COLUMNS].reset_index(drop=True)


def _tell_budget(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics with the share or threshold that an arm's name says in columns of their own."""
    told = [_ARM.fullmatch(arm) for arm in metrics["arm"].astype("str")]
    split = metrics.assign(arm=[each["arm"] if each else "" for each in told])
    said = {
        "ratio_percent": [float(each["ratio"]) if each and each["ratio"] else None for each in told],
        "tau": [float(f"0.{each['tau']}") if each and each["tau"] else None for each in told],
    }
    for name, values in said.items():
        if any(value is not None for value in values):
            column = pd.Series(values, index=metrics.index, dtype="float64")
            split[name] = column.fillna(metrics[name]) if name in metrics else column
    return split


def _average(metrics: pd.DataFrame, *, by: list[str]) -> pd.DataFrame:
    """Return one row a measured number: mean over seeds, how many they are, what its protocol says, test images."""
    by = list(dict.fromkeys([*by, *(name for name in ("ratio_percent", "tau") if name in metrics)]))
    grouped = metrics.groupby(by, dropna=False, sort=False)
    found = grouped["value"].mean().rename("ours").to_frame()
    found["n_seeds"] = grouped["seed"].nunique() if "seed" in metrics else grouped.size()
    found["n_test"] = grouped["n"].first() if "n" in metrics else None
    found = found.reset_index()
    for name, pattern in _BY_PROTOCOL.items():
        said = found["protocol"].astype("str").str.extract(pattern, expand=False)
        found[name] = said if name == "learner" else pd.to_numeric(said).astype("Int64")
    return found.assign(number=range(len(found)))


def _differences(row: Mapping[Any, Any]) -> list[str]:
    """Return what differs between a measured and a published number, a phrase each."""
    found = []
    if row["evaluation"] != "knn" and not row["protocol"].startswith("published"):
        found.append(f"{row['protocol'].split(' ')[0]} instead of published")
    if row["protocol"].endswith(_DRAWN):
        found.append("test images drawn from the training images instead of the official ones")
    if further := _FURTHER.search(row["protocol"]):
        found.append(further[1])
    found += _budget_differences(row)
    for name, title in {"openset": "open-set ", "recipe": "recipe "}.items():
        ours, published = row.get(f"{name}_ours"), row[name]
        if _is_known(ours) and _is_known(published) and ours != published:
            found.append(f"{title}{ours} instead of {published}")
    if _is_known(row.get("image_size")) and row["image_size"] != _IMAGE_SIZE:
        found.append(f"image size {row['image_size']:g} instead of {_IMAGE_SIZE}")
    if _is_known(row.get("fairness")) and row["fairness"] != _FAIRNESS:
        found.append("equal compute instead of the paper's epochs")
    counts = expected_counts(row["dataset"])
    counted = counts is not None and counts.test is not None and row["evaluation"] in _ON_ALL_TEST_IMAGES
    if counts is not None and counted and _is_known(row["n_test"]) and row["n_test"] != counts.test:
        found.append(f"{row['n_test']:,.0f} test images instead of {counts.test:,}")
    if row["n_seeds"] > 1:
        found.append(f"{row['n_seeds']} seeds instead of 1")
    return found


def _budget_differences(row: Mapping[Any, Any]) -> list[str]:
    ours = {name: row.get(f"{name}_ours") for name in ("ratio_percent", "tau")}
    if not any(map(_is_known, ours.values())):
        return []
    told, published = _budget(**ours), _budget(row["ratio_percent"], row["tau"])
    return [] if not published or told == published else [f"{told} instead of {published}"]


def _budget(ratio_percent: float | None, tau: float | None) -> str:
    """Return what decides a coreset's size: a fixed share goes before a threshold."""
    if _is_known(ratio_percent):
        return f"{ratio_percent:g} % of the open-set"
    return f"tau {tau:g}" if _is_known(tau) else ""


def _is_known(value: Any) -> bool:
    return value is not None and not pd.isna(value)


def _sentence(phrases: list[str]) -> str:
    text = "; ".join(phrases)
    return f"{text[0].upper()}{text[1:]}." if text else ""
