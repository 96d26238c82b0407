"""Distribution alignment: guesses that follow the class shares of the labelled images."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

_LEAST = 1e-6
"""Added to both shares, as in the authors' code: a class that was never guessed does not become infinite."""


def class_shares(classes: np.ndarray | Sequence[int], *, class_count: int) -> tuple[float, ...]:
    """Return the share of each class among labelled images.

    Args:
        classes: Class numbers, `(n,)`.
        class_count: c.

    Example:
        >>> class_shares([0, 1, 1, 1], class_count=3)
        (0.25, 0.75, 0.0)
    """
    counts = np.bincount(np.asarray(classes, dtype=np.int64), minlength=class_count)
    return tuple((counts / counts.sum()).tolist())


def align(probabilities: Tensor, *, wanted: Tensor, found: Tensor) -> Tensor:
    """Return guesses scaled by wanted over found share of each class, each row summing to 1 (ReMixMatch, section 3.1).

    Args:
        probabilities: `(n, c)`.
        wanted: `(c,)`, shares among the labelled images.
        found: `(c,)`, mean of past guesses.

    Example:
        >>> import torch
        >>> align(torch.tensor([[0.5, 0.5]]), wanted=torch.tensor([0.5, 0.5]), found=torch.tensor([0.8, 0.2]))
        tensor([[0.2000, 0.8000]])
    """
    scaled = probabilities * (wanted + _LEAST) / (found + _LEAST)
    return scaled / scaled.sum(dim=-1, keepdim=True)
