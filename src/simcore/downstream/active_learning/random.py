"""Images at random: what every other query has to beat."""

import hashlib

import numpy as np

from simcore.downstream.active_learning.pool import Pool


def draw(pool: Pool, *, count: int, seed: int) -> np.ndarray:
    """Return positions of `count` images, those of the smallest hash of (seed, key).

    It is the ranking of `simcore.supervised.draw_share` over all images: asked for again and again, it gives the larger
    shares of one draw, on every machine. The model is not looked at.

    Args:
        pool: The unlabelled images.
        count: At most as many as there are.
        seed: Another seed, another draw.
    """
    rank = [hashlib.sha256(f"{seed}\0{key}".encode()).hexdigest() for key in pool.keys]
    return np.argsort(np.array(rank), kind="stable")[:count]
