"""Sums over the processes that train together."""

from torch import Tensor, distributed


def sum_over_processes(values: Tensor) -> Tensor:
    """Return the sum of `values` over all processes; a copy where there is one alone.

    Every process has to ask.

    Example:
        >>> import torch
        >>> sum_over_processes(torch.ones(2))
        tensor([1., 1.])
    """
    total = values.clone()
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(total)
    return total


def count_processes() -> int:
    """Return how many processes train together.

    Example:
        >>> count_processes()
        1
    """
    joined = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if joined else 1
