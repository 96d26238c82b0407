"""FlexMatch's thresholds: lower for classes that are learnt more slowly."""

import torch
from torch import Tensor


def learning_status(chosen: Tensor, *, class_count: int) -> Tensor:
    """Return how far each class is learnt, `(c,)` float32 from 0 to 1 (FlexMatch, equations 5 and 11).

    With s(c) the unlabelled images that were last guessed to be of class c with certainty, and u those that never
    were: s(c) / max(max s, u). While most images are unused, all classes count as hardly learnt (the warm-up).

    Args:
        chosen: `(n,)` int64, class of each unlabelled image, -1 where it was never certain.
        class_count: c.

    Example:
        >>> learning_status(torch.tensor([0, 0, 1, -1]), class_count=3)
        tensor([1.0000, 0.5000, 0.0000])
        >>> learning_status(torch.tensor([0, -1, -1, -1]), class_count=2)
        tensor([0.3333, 0.0000])
    """
    counts = torch.bincount(chosen + 1, minlength=class_count + 1).float()
    return counts[1:] / counts.max().clamp(min=1)


def flexible_thresholds(status: Tensor, *, threshold: float) -> Tensor:
    """Return the threshold of each class: `b / (2 - b)` of the fixed one (FlexMatch, equation 12, its convex mapping).

    Args:
        status: `(c,)`, see `learning_status`.
        threshold: Of a class that is learnt.

    Example:
        >>> flexible_thresholds(torch.tensor([0.0, 0.5, 1.0]), threshold=0.9)
        tensor([0.0000, 0.3000, 0.9000])
    """
    return threshold * status / (2 - status)
