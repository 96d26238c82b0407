"""Initial weights that depend on a seed alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """Draw the initial weights of modules built in the block from `seed`; the global generator stays as it was.

    Example:
        >>> with seeded_weights(3):
        ...     first = torch.nn.Linear(2, 2)
        >>> with seeded_weights(3):
        ...     second = torch.nn.Linear(2, 2)
        >>> torch.equal(first.weight, second.weight)
        True
    """
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed: that would seed the generators of accelerators too, which are not restored.
        torch.default_generator.manual_seed(seed)
        yield
