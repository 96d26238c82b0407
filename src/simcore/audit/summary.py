"""Duplicates in numbers: how many images of each arm repeat what they should not."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from simcore.audit.candidates import KINDS
from simcore.audit.table import OPENSET, TARGET

COPIES = "copies"
"""All kinds but `embedding`: what an encoder cannot tell apart is alike, and seldom a copy."""


def summarise(
    duplicates: pd.DataFrame, *, picks: Mapping[str, pd.Series], n_openset: int, n_train: int, n_test: int
) -> list[dict[str, Any]]:
    """Return the counts as flat metric records, one for every arm, measure and kind.

    Measures: `test_images_seen`, distinct test images of which a duplicate is among what the arm trains on (X alone
    and its picks); `picks_of_test` and `picks_of_train`, picked images that duplicate a test or a train image of the
    target; `picks_repeated`, picked images that repeat another pick. For the whole open-set, as arm `openset`:
    `images_of_test` and `images_of_train`. Kinds exclude each other, since a pair counts by its strongest; an image in
    several pairs counts for each kind that it was found by, and once for `copies` (any kind but `embedding`).

    Args:
        duplicates: The table of duplicates.
        picks: Arm to the keys that it took from the open-set; none for X alone.
        n_openset: Images of the open-set.
        n_train: Train images of the target.
        n_test: Test images of the target.
    """
    records = []
    of_pool = duplicates[(duplicates["left_pool"] == OPENSET) & (duplicates["right_pool"] == TARGET)]
    of_x = duplicates[(duplicates["left_pool"] == TARGET) & (duplicates["right_pool"] == TARGET)]
    inside = duplicates[duplicates["right_pool"] == OPENSET]
    for kind in (*KINDS, COPIES):
        pool, own, repeated = (
            table[table["kind"] != "embedding" if kind == COPIES else table["kind"] == kind]
            for table in (of_pool, of_x, inside)
        )
        test, train = pool[pool["split"] == "test"], pool[pool["split"] == "train"]
        for name, part in (("test", test), ("train", train)):
            records.append(_record("openset", f"images_of_{name}", kind, part["left_key"].nunique(), n_openset))
        for arm, keys in picks.items():
            picked = test[test["left_key"].isin(keys)]
            seen = pd.concat([own["right_key"], picked["right_key"]]).nunique()
            records.append(_record(arm, "test_images_seen", kind, seen, n_test))
            if len(keys) == 0:
                continue
            both = repeated[repeated["left_key"].isin(keys) & repeated["right_key"].isin(keys)]
            of_train = train[train["left_key"].isin(keys)]
            for measure, part in (("of_test", picked), ("of_train", of_train), ("repeated", both)):
                records.append(_record(arm, f"picks_{measure}", kind, part["left_key"].nunique(), len(keys)))
    return records


def _record(arm: str, metric: str, kind: str, value: int, n: int) -> dict[str, Any]:
    return {
        "arm": arm,
        "seed": None,
        "evaluation": "audit",
        "metric": metric,
        "protocol": kind,
        "value": float(value),
        "n": int(n),
    }
