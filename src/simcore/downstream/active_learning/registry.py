"""Queries by name."""

from collections.abc import Callable

import numpy as np

from simcore.downstream.active_learning import badge, coreset, entropy, random
from simcore.downstream.active_learning.pool import Pool
from simcore.errors import InputError

Query = Callable[..., np.ndarray]
"""From a pool, `count` and `seed` to positions in the order of asking."""

QUERIES: dict[str, Query] = {
    "random": random.draw,
    "entropy": entropy.most_uncertain,
    "coreset": coreset.cover,
    "badge": badge.spread_gradients,
}
"""Which images are to be labelled next."""


def choose_keys(name: str, pool: Pool, *, count: int, seed: int) -> tuple[str, ...]:
    """Return the keys of the `count` images to be labelled next, in the order of asking.

    Args:
        name: One of `QUERIES`.
        pool: The unlabelled images.
        count: How many, at least 1.
        seed: Of queries that draw.

    Raises:
        InputError: The query is unknown, or asks for more images than are unlabelled, or for none.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[9.0, 0.0], [0.0, 0.0], [0.0, 2.0]])
        >>> pool = Pool(np.array(["a", "b", "c"]), torch.eye(3), logits, torch.zeros(0, 3))
        >>> choose_keys("entropy", pool, count=2, seed=0)
        ('b', 'c')
    """
    check_query(name)
    if not 1 <= count <= len(pool):
        raise InputError(
            f"The query `{name}` is to choose {count} of {len(pool)} unlabelled images; ask for 1 to {len(pool)}."
        )
    return tuple(str(key) for key in pool.keys[QUERIES[name](pool, count=count, seed=seed)])


def check_query(name: str) -> None:
    """Raise if there is no such query.

    Raises:
        InputError: The name is unknown.
    """
    if name not in QUERIES:
        raise InputError(f"The query `{name}` is unknown; allowed are {', '.join(QUERIES)}.")
