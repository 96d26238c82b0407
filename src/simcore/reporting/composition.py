"""What the coreset is made of: purity against chance, shares by class and by source."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

import pandas as pd

from simcore.errors import InputError

_COLUMNS = ["group", "n_picked", "n_pool", "picked_share", "pool_share", "enrichment"]


@dataclass(frozen=True)
class Purity:
    """Share of relevant images among the picks, beside the share in the pool.

    `purity` and `chance` are None, and `reason` says why, where the question has no answer. Images without
    a label count on neither side: `n_picked` and `n_pool` are the labelled ones.
    """

    purity: float | None
    chance: float | None
    n_relevant_picked: int
    n_picked: int
    n_relevant_pool: int
    n_pool: int
    relevant: str | None
    reason: str | None = None

    def __str__(self) -> str:
        """Return the finding in one sentence."""
        if self.purity is None or self.chance is None:
            return f"Purity: not evaluated: {self.reason}."
        return (
            f"{100 * self.purity:.1f} % of the picks are {self.relevant} "
            f"({self.n_relevant_picked:,} of {self.n_picked:,}); chance is {100 * self.chance:.1f} % "
            f"({self.n_relevant_pool:,} of {self.n_pool:,})."
        )


def _picked_rows(coreset: pd.DataFrame, openset_manifest: pd.DataFrame) -> pd.DataFrame:
    missing = coreset.loc[~coreset["key"].isin(openset_manifest["key"]), "key"]
    if len(missing):
        raise InputError(
            f"{len(missing)} keys of the coreset are not in the open-set manifest, the first is "
            f"{missing.iloc[0]!r}; a coreset belongs to one open-set: pass the manifest it comes from."
        )
    return openset_manifest[openset_manifest["key"].isin(coreset["key"])]


def coreset_purity(coreset: pd.DataFrame, openset_manifest: pd.DataFrame, *, relevant: str | None) -> Purity:
    """Return how many picks carry a relevant label, beside chance.

    Purity = share of labelled picks whose label matches `relevant`; chance = the same share in the whole
    pool, which a uniform random draw has on average.

    Args:
        coreset: frame with `key`.
        openset_manifest: frame with `key` and `label` (nullable); labels are read here for reporting only.
        relevant: glob over labels, case-sensitive, such as "animal/*"; None when nobody knows.

    Raises:
        InputError: a key of the coreset is not in the manifest.

    Example:
        >>> labels = ["animal/cat", "digit/1", "digit/2", "animal/cow"]
        >>> pool = pd.DataFrame({"key": list("abcd"), "label": labels})
        >>> print(coreset_purity(pool.iloc[[0, 3]], pool, relevant="animal/*"))
        100.0 % of the picks are animal/* (2 of 2); chance is 50.0 % (2 of 4).
    """
    picked = _picked_rows(coreset, openset_manifest)["label"].dropna()
    pool = openset_manifest["label"].dropna()

    def matching(labels: pd.Series) -> int:
        if relevant is None:
            return 0
        # Millions of images have few labels: each is compared once.
        counts = labels.value_counts()
        return int(counts[[fnmatchcase(str(label), relevant) for label in counts.index]].sum())

    n_relevant_picked, n_relevant_pool = matching(picked), matching(pool)
    reason = None
    if relevant is None:
        reason = "no relevant label was named"
    elif pool.empty:
        reason = "the open-set has no labels"
    elif n_relevant_pool == 0:
        reason = f"no label of the open-set matches {relevant}"
    elif picked.empty:
        reason = "no pick has a label" if len(coreset) else "the coreset is empty"
    return Purity(
        purity=None if reason else n_relevant_picked / len(picked),
        chance=None if reason else n_relevant_pool / len(pool),
        n_relevant_picked=n_relevant_picked,
        n_picked=len(picked),
        n_relevant_pool=n_relevant_pool,
        n_pool=len(pool),
        relevant=relevant,
        reason=reason,
    )


def coreset_shares(coreset: pd.DataFrame, openset_manifest: pd.DataFrame, *, by: str = "label") -> pd.DataFrame:
    """Return the share of each class or source in the coreset and in the pool.

    Rows are ordered by number of picks, largest first, then by name. Images without a value form the group
    "(none)". Enrichment = picked share / pool share: 1 is what a random draw gives.

    Args:
        coreset: frame with `key`.
        openset_manifest: frame with `key` and the column `by`.
        by: "label" or "source".

    Returns:
        Columns group, n_picked, n_pool, picked_share, pool_share, enrichment (shares sum to 1; all picked
        shares are NaN for an empty coreset).

    Raises:
        InputError: a key of the coreset is not in the manifest, or the manifest has no column `by`.

    Example:
        >>> pool = pd.DataFrame({"key": list("abcd"), "label": ["cat", "one", "one", "one"]})
        >>> coreset_shares(pool.iloc[[0]], pool)[["group", "picked_share", "enrichment"]].values.tolist()
        [['cat', 1.0, 4.0], ['one', 0.0, 0.0]]
    """
    if by not in openset_manifest:
        raise InputError(
            f"`by` is {by!r}, but the open-set manifest has the columns "
            f"{', '.join(openset_manifest.columns)}; use 'label' or 'source'."
        )
    picked = _picked_rows(coreset, openset_manifest)
    pool_groups = openset_manifest[by].astype(object).where(openset_manifest[by].notna(), "(none)").astype(str)
    counts = pd.DataFrame({"group": pool_groups, "picked": openset_manifest["key"].isin(picked["key"])})
    shares = counts.groupby("group")["picked"].agg(n_picked="sum", n_pool="size").astype("int64").reset_index()
    shares["picked_share"] = shares["n_picked"] / (len(picked) or float("nan"))
    shares["pool_share"] = shares["n_pool"] / len(openset_manifest)
    shares["enrichment"] = shares["picked_share"] / shares["pool_share"]
    return shares.sort_values(["n_picked", "group"], ascending=[False, True], ignore_index=True)[_COLUMNS]
