"""Galleries of example images by class or source: of a set of images, and of the picks."""

from collections.abc import Mapping

import pandas as pd

from simcore.reporting.composition import coreset_shares
from simcore.reporting.galleries import pick_tile, spread
from simcore.reporting.tiles import GalleryRow, Images, Shelf, TileGroup


def class_gallery(
    manifest: pd.DataFrame,
    *,
    images: Images,
    classes: Mapping[str, str] | None = None,
    n_classes: int = 12,
    n_images: int = 8,
    side: int = 112,
) -> list[GalleryRow]:
    """Return one row a class: example images, evenly spread over its keys.

    With the oracle's classes (`simcore.published.oracle_classes`) these are figures 7 to 10 of the paper's supplement.

    Args:
        manifest: frame with `key` and `label`.
        images: images that hold the keys shown.
        classes: label to name, in the order wanted; all are shown, one without an image says so. None: of all labels
            in their order, `n_classes` evenly spread ones.
        n_classes: rows at most where no classes are named.
        n_images: images a row at most.
        side: longest side of a tile in pixels.

    Raises:
        InputError: an image is missing.

    Example:
        >>> import numpy as np
        >>> class Images:
        ...     keys = np.array(["a", "b", "c"])
        ...
        ...     def __getitem__(self, index):
        ...         return np.full((4, 4, 3), index, dtype=np.uint8)
        >>> manifest = pd.DataFrame({"key": list("abc"), "label": ["n01", "n02", "n01"]})
        >>> gallery = class_gallery(manifest, images=Images(), classes={"n01": "crane", "n03": "kite"})
        >>> [row.title for row in gallery]
        ['crane (2 images)', 'kite (no image)']
    """
    if classes is None:
        labels = sorted(set(manifest["label"].dropna()))
        shown = [labels[place] for place in spread(len(labels), n_classes)]
        classes = {label: str(label) for label in shown}
    shelf = Shelf(images, side=side, kind="given")
    gallery = []
    for label, name in classes.items():
        keys = sorted(map(str, manifest.loc[manifest["label"] == label, "key"]))
        if not keys:
            gallery.append(GalleryRow(f"{name} (no image)", ()))
            continue
        count = "1 image" if len(keys) == 1 else f"{len(keys):,} images"
        tiles = tuple(
            shelf.tile(keys[place], alt=f"Image {keys[place]} of the class {name}")
            for place in spread(len(keys), n_images)
        )
        gallery.append(
            GalleryRow(f"{name} ({count})", (TileGroup("examples" if label == name else str(label), tiles),))
        )
    return gallery


def picks_gallery(
    coreset: pd.DataFrame,
    manifest: pd.DataFrame,
    *,
    openset_images: Images,
    by: str = "label",
    n_groups: int = 12,
    n_images: int = 8,
    side: int = 112,
) -> list[GalleryRow]:
    """Return one row a class or source of the open-set that has picks, the one with most picks first.

    Of more than `n_images` picks in a group, evenly spread ones in order of selection are shown. Images without a
    label form the group "(none)".

    Args:
        coreset: frame with `key`, `centroid`, `similarity`, in order of selection.
        manifest: the open-set's, with `key` and the column `by`.
        openset_images: images that hold the keys of the coreset.
        by: "label" or "source".
        n_groups: rows at most.
        n_images: images a row at most.
        side: longest side of a tile in pixels.

    Raises:
        InputError: a key of the coreset is not in the manifest, the manifest has no column `by`, or an image is
            missing.

    Example:
        >>> import numpy as np
        >>> class Images:
        ...     keys = np.array(["a", "b", "c"])
        ...
        ...     def __getitem__(self, index):
        ...         return np.full((4, 4, 3), index, dtype=np.uint8)
        >>> manifest = pd.DataFrame({"key": list("abc"), "label": ["cat", "one", "cat"]})
        >>> coreset = pd.DataFrame({"key": ["c"], "centroid": [0], "similarity": [0.9]})
        >>> [row.title for row in picks_gallery(coreset, manifest, openset_images=Images())]
        ['cat (1 of 2 picked)']
    """
    shares = coreset_shares(coreset, manifest, by=by)
    groups = manifest.set_index("key")[by].reindex(coreset["key"])
    of_pick = groups.astype(object).where(groups.notna(), "(none)").astype(str).to_numpy()
    pool = Shelf(openset_images, side=side, kind="open-set")
    gallery = []
    for row in shares[shares["n_picked"] > 0].head(n_groups).to_dict("records"):
        picks = coreset[of_pick == row["group"]]
        shown = picks.iloc[spread(len(picks), n_images)].to_dict("records")
        title = f"{row['group']} ({row['n_picked']:,} of {row['n_pool']:,} picked)"
        gallery.append(GalleryRow(title, (TileGroup("picks", tuple(pick_tile(pool, pick) for pick in shown)),)))
    return gallery
