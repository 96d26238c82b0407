"""What changes with the step, in closed form."""

import math


def cosine_learning_rate(
    step: int, *, total_steps: int, peak: float, floor: float = 0.0, warmup_steps: int = 0
) -> float:
    """Return the learning rate of `step` (1-based): linear warm-up, then half a cosine.

    With w warm-up steps out of E, the rate is `peak * (0.1 + 0.9 * step / w)` up to step w, then
    `peak * (floor + (1 - floor) * (1 + cos(pi * (step - w) / (E - w))) / 2)`; the last step ends on `floor *
    peak`. The SimCore paper uses the same cosine per epoch, from `peak` to zero.

    Args:
        step: Optimiser step, from 1 to `total_steps`.
        total_steps: E.
        peak: Highest rate.
        floor: Last rate as a share of `peak`.
        warmup_steps: w.

    Example:
        >>> [round(cosine_learning_rate(s, total_steps=4, peak=1.0), 3) for s in (1, 2, 3, 4)]
        [0.854, 0.5, 0.146, 0.0]
    """
    if step <= warmup_steps:
        return peak * (0.1 + 0.9 * step / warmup_steps)
    done = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * (floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2)
