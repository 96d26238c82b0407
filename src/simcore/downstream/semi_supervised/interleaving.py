"""Batches in which each kind of image has its part, and batch norm statistics that stand still."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def interleave(rows: Tensor, *, parts: int) -> list[Tensor]:
    """Return `rows` in so many parts of equal size, give or take one, each with every `parts`-th row.

    Rows that come kind by kind (labelled, then unlabelled) are then mixed: batch norm, whose statistics are those of
    a part, sees each kind in each part in the same proportion. `join` puts them back.

    Args:
        rows: `(n, ...)`.
        parts: At least 1.

    Example:
        >>> [part.tolist() for part in interleave(torch.arange(6), parts=2)]
        [[0, 2, 4], [1, 3, 5]]
    """
    return [rows[first::parts] for first in range(parts)]


def join(parts: list[Tensor]) -> Tensor:
    """Return the rows of interleaved parts in their first order.

    Example:
        >>> join(interleave(torch.arange(7), parts=3)).tolist()
        [0, 1, 2, 3, 4, 5, 6]
    """
    rows = torch.cat(parts)
    places = torch.cat(interleave(torch.arange(len(rows)), parts=len(parts)))
    return rows[places.argsort().to(rows.device)]


@contextmanager
def still_statistics(module: nn.Module) -> Iterator[None]:
    """Keep the running statistics of batch norm as they are; those of the batch are still what normalises.

    Of the passes of a step only one shall move them: the others see the same images once more.

    Args:
        module: In training mode.

    Example:
        >>> norm = nn.BatchNorm1d(1)
        >>> with still_statistics(norm):
        ...     _ = norm(torch.tensor([[3.0], [5.0]]))
        >>> norm.running_mean.item()
        0.0
    """
    layers = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum
