"""Which images of the open-set are left out of the selection, and why."""

from collections.abc import Iterable, Sequence

import pandas as pd

from simcore.audit.table import OPENSET, TARGET

LISTED = "listed"
EXCLUDED_COLUMNS = ("key", "kind", "target", "split")


def excluded_by_audit(duplicates: pd.DataFrame, *, splits: Sequence[str]) -> pd.DataFrame:
    """Return the open-set images that duplicate target images of `splits`: `key`, `kind`, `target`, `split`.

    Each image once, by its strongest pair; sorted by key.

    Args:
        duplicates: The table of duplicates.
        splits: `test`, `train` or both.
    """
    pool = (duplicates["left_pool"] == OPENSET) & (duplicates["right_pool"] == TARGET)
    found = duplicates[pool & duplicates["split"].isin(splits)]
    named = found.rename(columns={"left_key": "key", "right_key": "target"})
    ordered = named.sort_values(["key", "score", "target"], ascending=[True, False, True], kind="stable")
    return ordered.drop_duplicates("key")[list(EXCLUDED_COLUMNS)].reset_index(drop=True)


def excluded_by_list(keys: Iterable[str]) -> pd.DataFrame:
    """Return listed keys in the form of `excluded_by_audit`; sorted, each once.

    Example:
        >>> excluded_by_list(["b.jpg", "a.jpg", "b.jpg"])["key"].tolist()
        ['a.jpg', 'b.jpg']
    """
    columns = {"key": sorted(set(keys)), "kind": LISTED, "target": None, "split": None}
    return pd.DataFrame(columns).astype("str")


def nothing_excluded() -> pd.DataFrame:
    """Return the table of an exclusion of nothing."""
    return pd.DataFrame(columns=list(EXCLUDED_COLUMNS)).astype("str")
