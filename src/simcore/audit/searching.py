"""Duplicates between two pools of hashed images: exact ones and near ones, block by block."""

from collections.abc import Iterable
from functools import partial

import numpy as np
import pandas as pd

from simcore.audit.candidates import join_pairs, keep_strongest, pair_frame
from simcore.audit.exact import equal_digests
from simcore.audit.hashes import HashBlock, Hashes
from simcore.audit.perceptual import ProbeIndex, Probes
from simcore.errors import InputError
from simcore.progress import progress

_MOST_BITS = 64


def find_duplicates(
    left: Hashes,
    right: Hashes,
    probes: Iterable[Probes],
    *,
    right_rows: np.ndarray,
    left_rows: np.ndarray | None = None,
    hamming: int = 8,
    correlation: float = 0.98,
    pairs_per_image: int = 5,
    within: bool = False,
    show_progress: bool = False,
) -> pd.DataFrame:
    """Return the duplicates of images of `right` among those of `left`, by position in their pools, sorted.

    A pair is named by its strongest evidence: `bytes` (the same file), `pixels` (the same picture in another file),
    `perceptual` (a hash of any variant within `hamming` bits, and small pictures that correlate at least
    `correlation`). The search is exact: every hash is compared with every one. Time n·m·v comparisons of 64 bits for v
    variants; memory that of one part of `left`, one lot of probes and the pairs.

    Args:
        left: The pool that is searched, any size.
        right: The pool whose images are looked for.
        probes: Those images in the variants to be found, see `probe_images` and `probe_hashed`.
        right_rows: Positions of those images, increasing.
        left_rows: Positions in `left` to be searched, increasing; None searches all.
        hamming: Bits of 64 that may differ.
        correlation: Least correlation of the small pictures, from −1 (any) to 1.
        pairs_per_image: Pairs of a left image that are kept, the strongest.
        within: Whether both pools are one: then an image is a duplicate of images before it only, so that of a group
            of equal images all but the first are found on the left.
        show_progress: Whether a bar is shown.

    Raises:
        InputError: If a threshold is out of range.

    Returns:
        Columns `left`, `right`, `kind` (position in `KINDS`), `score` (1 or the correlation), `bits`, `mirrored`.
    """
    if not 0 <= hamming < _MOST_BITS:
        raise InputError(f"`hamming` is {hamming}; it is a number of bits from 0 to {_MOST_BITS - 1}.")
    if not -1 <= correlation <= 1:
        raise InputError(f"`correlation` is {correlation}; it must be from -1 to 1.")
    if pairs_per_image < 1:
        raise InputError(f"`pairs_per_image` is {pairs_per_image}; it must be at least 1.")
    strongest = partial(keep_strongest, pairs_per_image=pairs_per_image)
    digests = dict(zip(("bytes", "pixels"), right.take(right_rows, "bytes", "pixels"), strict=True))
    kept: list[pd.DataFrame] = []
    for block, inside in _blocks(left, left_rows, description="compare files", show_progress=show_progress):
        before = np.searchsorted(right_rows, block.start + inside) if within else None
        found = []
        for kind, known in digests.items():
            i, j = equal_digests(block.column(kind)[inside], known, at_most=pairs_per_image, before=before)
            found.append(pair_frame(block.start + inside[i], right_rows[j], kind=kind))
        kept.append(strongest(join_pairs(found)))
    for lot in probes:
        index = ProbeIndex(lot, hamming=hamming, correlation=correlation)
        for block, inside in _blocks(left, left_rows, description="compare hashes", show_progress=show_progress):
            rows = inside[~block.column("flat")[inside]]
            pairs = index.search(block.column("phash")[rows], block.column("thumb")[rows])
            pairs["left"] = block.start + rows[pairs["left"].to_numpy()]
            kept.append(strongest(pairs[pairs["right"] < pairs["left"]] if within else pairs))
    return strongest(join_pairs(kept))


def _blocks(
    left: Hashes, rows: np.ndarray | None, *, description: str, show_progress: bool
) -> Iterable[tuple[HashBlock, np.ndarray]]:
    """Yield the parts of a pool with the offsets of the images that are asked for; parts without any are left out."""
    for block in progress(list(left.blocks()), description=description, unit="part", shown=show_progress):
        if rows is None:
            yield block, np.arange(len(block))
            continue
        inside = rows[(rows >= block.start) & (rows < block.start + len(block))] - block.start
        if len(inside):
            yield block, inside
