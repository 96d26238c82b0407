"""Images that the model is unsure of, and that differ from each other: BADGE."""

import numpy as np
import torch
from torch import Tensor

from simcore.downstream.active_learning.pool import NEAR, Pool, first_largest


def spread_gradients(pool: Pool, *, count: int, seed: int) -> np.ndarray:
    """Return positions of `count` images, drawn by k-means++ on the gradients that their likeliest labels would give.

    The gradient of the cross-entropy by the last layer's weights is g = a h^T with a = p - onehot(argmax p) (Ash et
    al., ICLR 2020, algorithm 1), a matrix of C x d numbers an image. Only distances are needed, and

        |g_i - g_j|^2 = |a_i|^2 |h_i|^2 + |a_j|^2 |h_j|^2 - 2 <a_i, a_j> <h_i, h_j>,

    so that the matrices are never formed: memory O(n (d + C)) instead of O(n d C), time O(count n (d + C)). The
    published code of the SimCore paper holds them all, in float64: 17.7 GB for the 5,395 unlabelled images of Birds.

    As in the authors' code the longest gradient comes first, near-ties by key; each further image is drawn with
    probability proportional to its squared distance to the nearest one that was chosen, by one uniform number of
    numpy's `default_rng(seed)` on the cumulative sum by key. Where all that is left lies on what was chosen, keys
    decide.

    Args:
        pool: The unlabelled images.
        count: At most as many as there are.
        seed: Of the draws.
    """
    shares, rows = torch.softmax(pool.logits.double(), dim=1), pool.features.double()
    errors = shares - torch.nn.functional.one_hot(shares.argmax(dim=1), shares.shape[1])
    lengths = (errors * errors).sum(dim=1) * (rows * rows).sum(dim=1)
    scale = max(1e-300, float(lengths.max()))
    generator = np.random.default_rng(seed)
    chosen: list[int] = []
    nearest = torch.full_like(lengths, torch.inf)
    for _ in range(count):
        position = _draw(nearest, scale=scale, generator=generator) if chosen else first_largest(lengths, scale=scale)
        chosen.append(position)
        products = (errors @ errors[position]) * (rows @ rows[position])
        nearest = torch.minimum(nearest, lengths + lengths[position] - 2 * products)
        nearest[position] = -torch.inf
    return np.array(chosen, dtype=np.int64)


def _draw(nearest: Tensor, *, scale: float, generator: np.random.Generator) -> int:
    """Return a position, drawn in proportion to the squared distances; those of chosen images are minus infinity."""
    distances = nearest.cpu().numpy()
    # What rounding leaves between equal gradients is no distance.
    sums = np.cumsum(np.where(distances > NEAR * scale, distances, 0.0))
    mark = generator.random() * sums[-1]
    if sums[-1] == 0:
        return int(np.flatnonzero(np.isfinite(distances))[0])
    # The product may be rounded up to the whole sum, which is reached at the last image that counts.
    return int(min(np.searchsorted(sums, mark, side="right"), np.searchsorted(sums, sums[-1])))
