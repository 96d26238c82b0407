"""Shares of labelled images, drawn by key."""

import hashlib
import math

import pandas as pd

from simcore.errors import InputError


def draw_share(manifest: pd.DataFrame, *, share: float, seed: int, stratified: bool = True) -> pd.DataFrame:
    """Return the rows of a share of the labelled images, in their order.

    Images are ranked by a hash of (seed, key) and the first are taken, so that the draw is a function of the set of
    keys, the same on every machine, and a larger share holds the smaller ones.

    Args:
        manifest: Columns `key` and `label`.
        share: Above 0 and at most 1.
        seed: Another seed, another draw.
        stratified: The same share of every class, rounded up, so that none is empty; otherwise `int(share * n)` of
            all images, as the SimCore paper's label ratios, where a rare class may lose all.

    Raises:
        InputError: `share` is out of range, or a uniform draw would hold nothing.

    Example:
        >>> manifest = pd.DataFrame({"key": list("abcd"), "label": ["x", "x", "x", "y"]})
        >>> draw_share(manifest, share=0.5, seed=0)["label"].tolist()
        ['x', 'x', 'y']
    """
    if not 0 < share <= 1:
        raise InputError(f"`share` is {share:g}; give a share of the labelled images above 0 and at most 1.")
    rank = pd.Series(
        [hashlib.sha256(f"{seed}\0{key}".encode()).hexdigest() for key in manifest["key"]], index=manifest.index
    )
    if not stratified:
        count = int(share * len(manifest))
        if count == 0:
            raise InputError(f"`share` {share:g} of {len(manifest)} images is less than one; give a larger share.")
        return manifest[rank.rank(method="first") <= count]
    place = rank.groupby(manifest["label"]).rank(method="first")
    size = manifest.groupby("label")["key"].transform("size")
    return manifest[place <= (size * share).map(lambda value: math.ceil(round(value, 9)))]
