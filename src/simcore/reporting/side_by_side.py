"""Galleries that hold picks against picks: across the stop, and one coreset against another."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from simcore.errors import InputError
from simcore.reporting.galleries import pick_tile, spread
from simcore.reporting.tiles import GalleryRow, Images, Shelf, TileGroup

_NEEDED = ("key", "centroid", "similarity")


def stop_gallery(
    coreset: pd.DataFrame,
    unkept: Mapping[str, Sequence[Any]],
    *,
    openset_images: Images,
    n_images: int = 6,
    n_centroids: int = 6,
    n_before: int = 3,
    side: int = 112,
) -> list[GalleryRow]:
    """Return the last images that were kept beside the first that were left out, over all and centroid by centroid.

    A round is ordered from its most to its least similar pick. After a stop by the threshold the second group is the
    start of the failing round; after a stop by the budget, what it cut off the last one. Of more than `n_centroids`
    that lost an image, evenly spread ones are shown, from the most to the least similar image that was left out.

    Args:
        coreset: frame with `key`, `centroid`, `similarity`, in order of selection.
        unkept: the certificate's entry of that name: columns `key`, `centroid`, `similarity`. Empty where nothing was
            left out, which gives no row.
        openset_images: images that hold the keys of both.
        n_images: images from each side of the stop, over all centroids.
        n_centroids: rows of single centroids at most.
        n_before: kept images in the row of a centroid.
        side: longest side of a tile in pixels.

    Raises:
        InputError: `unkept` lacks a column, or an image is missing.

    Example:
        >>> import numpy as np
        >>> class Images:
        ...     keys = np.array(["a", "b", "c"])
        ...
        ...     def __getitem__(self, index):
        ...         return np.full((4, 4, 3), index, dtype=np.uint8)
        >>> coreset = pd.DataFrame({"key": ["b", "a"], "centroid": [0, 0], "similarity": [0.9, 0.8]})
        >>> left_out = {"key": ["c"], "centroid": [0], "similarity": [0.7]}
        >>> gallery = stop_gallery(coreset, left_out, openset_images=Images(), n_before=1)
        >>> [[tile.key for group in row.groups for tile in group.tiles] for row in gallery]
        [['b', 'a', 'c'], ['a', 'c']]
    """
    if not unkept or not len(coreset):
        return []
    missing = [name for name in _NEEDED if name not in unkept]
    if missing:
        raise InputError(
            f"`unkept` lacks {', '.join(missing)}; pass the entry of that name of the certificate of a selection "
            "from an open-set with keys."
        )
    left_out = pd.DataFrame({name: list(unkept[name]) for name in _NEEDED})
    pool = Shelf(openset_images, side=side, kind="open-set")
    gallery = [_across(pool, "All centroids", coreset.tail(n_images), left_out.head(n_images))]
    ordered = left_out.sort_values("similarity", ascending=False, kind="stable")
    both = ordered[ordered["centroid"].isin(coreset["centroid"].dropna())]["centroid"].drop_duplicates()
    for centroid in both.iloc[spread(len(both), n_centroids)]:
        before = coreset[(coreset["centroid"] == centroid).fillna(False)].tail(n_before)
        gallery.append(_across(pool, f"Centroid {centroid}", before, left_out[left_out["centroid"] == centroid]))
    return gallery


def _across(pool: Shelf, title: str, kept: pd.DataFrame, left_out: pd.DataFrame) -> GalleryRow:
    groups = (("last kept", kept), ("first left out", left_out))
    return GalleryRow(title, tuple(_group(pool, name, rows) for name, rows in groups))


def _group(pool: Shelf, title: str, rows: pd.DataFrame) -> TileGroup:
    return TileGroup(title, tuple(pick_tile(pool, row) for row in rows.to_dict("records")))


def coresets_gallery(
    coresets: Mapping[str, pd.DataFrame],
    *,
    openset_images: Images,
    n_images: int = 8,
    side: int = 112,
    alone: bool = False,
) -> list[GalleryRow]:
    """Return several coresets side by side, such as those of k = 1 and k = 100: first, evenly spread and last picks.

    Coresets that `n_images` hold are shown in one row.

    Args:
        coresets: title to frame with `key`, `centroid`, `similarity`, in order of selection.
        openset_images: images that hold the keys of all.
        n_images: images a coreset and row at most.
        side: longest side of a tile in pixels.
        alone: whether a row shows what each has that no other has.

    Raises:
        InputError: an image is missing.

    Example:
        >>> import numpy as np
        >>> class Images:
        ...     keys = np.array(["a", "b", "c"])
        ...
        ...     def __getitem__(self, index):
        ...         return np.full((4, 4, 3), index, dtype=np.uint8)
        >>> coreset = pd.DataFrame({"key": list("bca"), "centroid": 0, "similarity": [0.9, 0.8, 0.7]})
        >>> gallery = coresets_gallery({"k = 1": coreset}, openset_images=Images(), n_images=1)
        >>> [(row.title, row.groups[0].tiles[0].key) for row in gallery]
        [('First picks', 'b'), ('Evenly spread picks', 'b'), ('Last picks', 'a')]
    """
    if not any(len(coreset) for coreset in coresets.values()):
        return []
    pool = Shelf(openset_images, side=side, kind="open-set")
    parts = {
        "First picks": lambda rows: rows.head(n_images),
        "Evenly spread picks": lambda rows: rows.iloc[spread(len(rows), n_images)],
        "Last picks": lambda rows: rows.tail(n_images),
    }
    if all(len(coreset) <= n_images for coreset in coresets.values()):
        parts = {"All picks": lambda rows: rows}
    shown = [(title, coresets, part) for title, part in parts.items()]
    if alone:
        counts = pd.concat([frame["key"] for frame in coresets.values()]).value_counts()
        own = {name: rows[rows["key"].map(counts) == 1] for name, rows in coresets.items()}
        shown.append(("Picks that no other has", own, lambda rows: rows.iloc[spread(len(rows), n_images)]))
    return [
        GalleryRow(
            title,
            tuple(_group(pool, f"{name} ({len(rows):,} images)", part(rows)) for name, rows in of_title.items()),
        )
        for title, of_title, part in shown
    ]


def describe_overlap(coresets: Mapping[str, pd.DataFrame]) -> str:
    """Return in a sentence how many picks two coresets share.

    Example:
        >>> one, other = pd.DataFrame({"key": ["a", "b"]}), pd.DataFrame({"key": ["b", "c", "d"]})
        >>> describe_overlap({"k = 1": one, "k = 100": other})
        '1 image is in both: 50 % of those of k = 1, 33 % of those of k = 100.'
    """
    one, other = coresets.values()
    n = int(one["key"].isin(other["key"]).sum())
    shares = (f"{100 * n / max(1, len(rows)):.0f} % of those of {name}" for name, rows in coresets.items())
    return f"{n:,} {'image is' if n == 1 else 'images are'} in both: {', '.join(shares)}."
