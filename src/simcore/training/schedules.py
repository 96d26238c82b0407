"""What changes with the step, in closed form."""

import math
from collections.abc import Sequence


def cosine(step: int, *, total_steps: int, start: float, end: float, stair: int = 1) -> float:
    """Return the value at `step` (1-based) of half a cosine from `start` to `end`.

    With t = `step` and E = `total_steps`, `end + (start - end) * (1 + cos(pi * t / E)) / 2`: step E ends on
    `end`, and `start` is what step 0 would have. A `stair` of s steps makes the value constant over s steps:
    t and E are rounded up to multiples of s, so that with s steps an epoch t / E is e / (number of epochs) for
    the epoch e = 1, 2, ..., as in the SimCore paper's runs.

    Args:
        step: Optimiser step, from 1 to `total_steps`.
        total_steps: E.
        start: Value at the beginning.
        end: Value at the last step.
        stair: Steps that share a value.

    Example:
        >>> [round(cosine(step, total_steps=4, start=0.04, end=0.4), 3) for step in (1, 2, 3, 4)]
        [0.093, 0.22, 0.347, 0.4]
        >>> [round(cosine(step, total_steps=4, start=0.04, end=0.4, stair=2), 3) for step in (1, 2, 3, 4)]
        [0.22, 0.22, 0.4, 0.4]
    """
    done = -(-step // stair) / -(-total_steps // stair)
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def polynomial(step: int, *, total_steps: int, start: float, power: float) -> float:
    """Return the value at `step` (1-based): `start * (1 - (t - 1) / E) ** power`, so that the first step has `start`.

    Args:
        step: t, from 1 to `total_steps`.
        total_steps: E.
        start: Value at the first step.
        power: Exponent; 0.9 in DeepLab's runs.

    Example:
        >>> [polynomial(step, total_steps=4, start=1.0, power=1.0) for step in (1, 2, 3, 4)]
        [1.0, 0.75, 0.5, 0.25]
    """
    return start * (1 - (step - 1) / total_steps) ** power


def staircase(epoch: int, *, start: float, after: Sequence[int], factor: float) -> float:
    """Return the value in `epoch` (1-based): `start`, times `factor` for each epoch of `after` that has passed.

    Example:
        >>> [round(staircase(epoch, start=1.0, after=(60, 80), factor=0.1), 3) for epoch in (60, 61, 81)]
        [1.0, 0.1, 0.01]
    """
    return start * factor ** sum(epoch > mark for mark in after)


def cosine_learning_rate(
    step: int, *, total_steps: int, peak: float, floor: float = 0.0, warmup_steps: int = 0, stair: int = 1
) -> float:
    """Return the learning rate of `step` (1-based): a linear warm-up that meets half a cosine over the whole run.

    The cosine falls from `peak` to `floor * peak` (see `cosine`). During w warm-up steps the rate is on the line
    from a tenth of `peak` to the value that the cosine has at step w; the warm-up rises at every step, also
    where `stair` keeps the cosine constant over an epoch. Both as in the SimCore paper's runs.

    Args:
        step: Optimiser step, from 1 to `total_steps`.
        total_steps: Length of the cosine.
        peak: Height of the cosine.
        floor: Last rate as a share of `peak`.
        warmup_steps: w, below `total_steps`.
        stair: Steps that share a value of the cosine: 1, or the steps of an epoch.

    Example:
        >>> [round(cosine_learning_rate(s, total_steps=4, peak=1.0), 3) for s in (1, 2, 3, 4)]
        [0.854, 0.5, 0.146, 0.0]
        >>> [round(cosine_learning_rate(s, total_steps=4, peak=1.0, warmup_steps=2), 3) for s in (1, 2, 3, 4)]
        [0.3, 0.5, 0.146, 0.0]
    """
    if step <= warmup_steps:
        top = cosine(warmup_steps, total_steps=total_steps, start=peak, end=floor * peak, stair=stair)
        return peak * 0.1 + (top - peak * 0.1) * step / warmup_steps
    return cosine(step, total_steps=total_steps, start=peak, end=floor * peak, stair=stair)
