"""Near duplicates by embeddings: pairs of images that an encoder can hardly tell apart."""

import numpy as np
import pandas as pd
import torch

from simcore.audit.candidates import NO_BITS, join_pairs, keep_strongest, pair_frame
from simcore.embeddings import Embeddings
from simcore.errors import InputError
from simcore.progress import progress
from simcore.selection.similarity import fast_margin, grid_rows, paired_similarities

_PRODUCTS = 32 * 2**20
_SCORE_DIGITS = 6


def find_similar(
    left: Embeddings,
    right: np.ndarray,
    *,
    cosine: float,
    pairs_per_image: int = 5,
    show_progress: bool = False,
) -> pd.DataFrame:
    """Return the pairs of rows whose cosine is at least `cosine`, by position, sorted; see `find_duplicates`.

    Exact and the same for any block size and number of threads: a float32 product only bounds, and a sum that has no
    order decides. One pass over `left`; memory is `right` as float32 and 128 MB.

    Args:
        left: The pool that is searched, any size.
        right: (m, d) rows that are looked for.
        cosine: From 0 to 1.
        pairs_per_image: Pairs of a left row that are kept, the most similar.
        show_progress: Whether a bar is shown.

    Raises:
        InputError: If the rows are of another length, one has no direction, or the threshold is out of range.
    """
    if not 0 < cosine <= 1:
        raise InputError(f"`cosine` is {cosine}; it must be above 0 and at most 1.")
    if right.ndim != 2 or right.shape[1] != left.dim:  # noqa: PLR2004 (rows and columns)
        raise InputError(
            f"The embeddings have {left.dim} dimensions and are compared with rows of shape {tuple(right.shape)}; take "
            "both from one encoder."
        )
    known = torch.from_numpy(np.asarray(right, dtype=np.float32))
    units = torch.nn.functional.normalize(known, dim=1)
    if not bool((known.norm(dim=1) > 0).all()):
        raise InputError("An embedding is all zeros and has no direction; embed its image again.")
    rows_a_block = max(1, _PRODUCTS // max(len(known), left.dim))
    floor = cosine - fast_margin(left.dim)
    blocks = left.arrow_blocks(rows=rows_a_block, with_keys=False)
    start, kept = 0, []
    for _, values in progress(blocks, description="compare embeddings", unit="block", shown=show_progress):
        rows = torch.from_numpy(values.astype(np.float32))
        products = torch.nn.functional.normalize(rows, dim=1) @ units.T
        i, j = torch.nonzero(products >= floor, as_tuple=True)
        for part in range(0, len(i), max(1, _PRODUCTS // left.dim)):
            span = slice(part, part + max(1, _PRODUCTS // left.dim))
            a, b = i[span], j[span]
            score = paired_similarities(grid_rows(rows[a]), grid_rows(known[b])).numpy().round(_SCORE_DIGITS)
            near = score >= cosine
            pairs = pair_frame(
                start + a.numpy()[near], b.numpy()[near], kind="embedding", score=score[near], bits=NO_BITS
            )
            kept.append(keep_strongest(pairs, pairs_per_image=pairs_per_image))
        start += len(values)
    return keep_strongest(join_pairs(kept), pairs_per_image=pairs_per_image)
