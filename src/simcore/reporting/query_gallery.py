"""Images that active learning asked for, round by round."""

import pandas as pd

from simcore.reporting.galleries import spread
from simcore.reporting.tiles import GalleryRow, Images, Shelf, Tile, TileGroup


def query_gallery(queries: pd.DataFrame, *, images: Images, n_images: int = 12, side: int = 112) -> list[GalleryRow]:
    """Return one row a query and round: images it asked for, evenly spread in the order of asking, with their labels.

    Args:
        queries: Frame with `query`, `protocol`, `seed`, `round`, `key`, `label` (null where nobody has given one), in
            the order of asking.
        images: Images that hold the keys.
        n_images: Images a row at most.
        side: Longest side of a tile in pixels.

    Raises:
        InputError: An image is missing.

    Example:
        >>> import numpy as np
        >>> class Images:
        ...     keys = np.array(["a", "b"])
        ...
        ...     def __getitem__(self, index):
        ...         return np.full((4, 4, 3), index, dtype=np.uint8)
        >>> asked = pd.DataFrame({"key": ["b", "a"], "label": ["wren", None], "query": "badge", "round": 1})
        >>> (row,) = query_gallery(asked.assign(protocol="clean", seed=0), images=Images())
        >>> row.title, [tile.caption for tile in row.groups[0].tiles]
        ('badge, round 1', ['wren', ''])
    """
    shelf = Shelf(images, side=side, kind="training")
    runs = queries[["protocol", "seed"]].drop_duplicates()
    rows = []
    for (query, protocol, seed, number), asked in queries.groupby(["query", "protocol", "seed", "round"], sort=False):
        which = f" ({protocol}, seed {seed})" if len(runs) > 1 else ""
        shown = asked.iloc[spread(len(asked), n_images)]
        tiles = tuple(_tile(shelf, str(key), label) for key, label in zip(shown["key"], shown["label"], strict=True))
        waiting = int(asked["label"].isna().sum())
        count = f"{len(asked):,} images" + (f", {waiting:,} without a label" if waiting else "")
        rows.append(GalleryRow(f"{query}, round {number}{which}", (TileGroup(count, tiles),)))
    return rows


def wanted_gallery(wanted: pd.DataFrame, *, images: Images, side: int = 112) -> list[GalleryRow]:
    """Return one row of all images that wait for a label, each over its key; none where none waits.

    Args:
        wanted: Frame with `key`.
        images: Images that hold the keys.
        side: Longest side of a tile in pixels.

    Raises:
        InputError: An image is missing.
    """
    if wanted.empty:
        return []
    shelf = Shelf(images, side=side, kind="training")
    tiles = tuple(shelf.tile(key, alt=f"Image {key}, without a label", caption=key) for key in wanted["key"])
    return [GalleryRow("To be labelled", (TileGroup(f"{len(tiles):,} images, by key", tiles),))]


def _tile(shelf: Shelf, key: str, label: str | None) -> Tile:
    if pd.isna(label):
        return shelf.tile(key, alt=f"Image {key}, without a label")
    return shelf.tile(key, alt=f"Image {key}, labelled {label}", caption=str(label))
