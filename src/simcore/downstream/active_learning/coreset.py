"""Images that cover the pool: k-centre, greedily."""

import numpy as np
import torch

from simcore.downstream.active_learning.pool import Pool, first_largest

BLOCK = 256


def cover(pool: Pool, *, count: int, seed: int, block: int = BLOCK) -> np.ndarray:
    """Return positions of `count` images, each the farthest from those that are labelled or chosen before it.

    The greedy answer to k-centre on the features that the classifier's layer gets: the largest distance of an image to
    its nearest centre is at most twice the least possible (Sener and Savarese, ICLR 2018, algorithm 1). Squared
    Euclidean distances in float64 on the device of the features; of near-ties the smaller key. Nothing is drawn.
    Without labelled images the first key begins.

    Time O((m + count) n d), memory O(n (d + block)).

    Args:
        pool: The unlabelled images, and the features of the labelled ones.
        count: At most as many as there are.
        seed: Changes nothing.
        block: Labelled images compared at once; changes nothing but memory.
    """
    rows, centres = pool.features.double(), pool.labelled.double()
    lengths = (rows * rows).sum(dim=1)
    scale = max(1e-300, float(lengths.max()))
    nearest = torch.full_like(lengths, torch.inf)
    for start in range(0, len(centres), block):
        part = centres[start : start + block]
        distances = lengths[:, None] + (part * part).sum(dim=1) - 2 * rows @ part.T
        nearest = torch.minimum(nearest, distances.min(dim=1).values)
    chosen: list[int] = []
    for _ in range(count):
        position = first_largest(nearest, scale=scale)
        chosen.append(position)
        nearest = torch.minimum(nearest, lengths + lengths[position] - 2 * rows @ rows[position])
        nearest[position] = -torch.inf
    return np.array(chosen, dtype=np.int64)
