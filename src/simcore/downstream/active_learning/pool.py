"""What a query looks at: unlabelled images as the present model sees them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from simcore.errors import InputError

NEAR = 1e-9
"""Values nearer to each other than this share of their scale are equal: another machine's rounding must not decide."""


@dataclass(frozen=True, eq=False)
class Pool:
    """The unlabelled images by key, with what the model makes of them.

    Attributes:
        keys: `(n,)` strings, rising, each once.
        features: `(n, d)`, what the classifier's layer gets; on any device, where the query is then worked out.
        logits: `(n, c)`.
        labelled: `(m, d)`, features of the images that have labels, in any order.

    Raises:
        InputError: Shapes do not fit, keys do not rise, or a value is not finite.

    Example:
        >>> pool = Pool(np.array(["a", "b"]), torch.ones(2, 8), torch.zeros(2, 3), torch.zeros(1, 8))
        >>> len(pool)
        2
    """

    keys: np.ndarray
    features: Tensor
    logits: Tensor
    labelled: Tensor

    def __post_init__(self) -> None:
        """Check what was given."""
        n, shapes = len(self.keys), [tuple(each.shape) for each in (self.features, self.logits, self.labelled)]
        fits = all(len(shape) == 2 for shape in shapes) and shapes[0][0] == shapes[1][0] == n  # noqa: PLR2004
        if not fits or shapes[0][1] != shapes[2][1]:
            raise InputError(
                f"A pool of {n} keys has features {shapes[0]}, logits {shapes[1]} and features of labelled images "
                f"{shapes[2]}; give (n, d), (n, c) and (m, d)."
            )
        if any(left >= right for left, right in zip(self.keys[:-1], self.keys[1:], strict=True)):
            raise InputError("The keys of a pool do not rise, or one comes twice; sort rows by key.")
        for name in ("features", "logits", "labelled"):
            if not bool(torch.isfinite(getattr(self, name)).all()):
                raise InputError(f"`{name}` of the pool has values that are NaN or infinite; the model has diverged.")

    def __len__(self) -> int:
        """Return the number of unlabelled images."""
        return len(self.keys)


def first_largest(values: Tensor, *, scale: float) -> int:
    """Return the position of the largest value; of values within `NEAR` of it, on that scale, the first.

    Rows stand by key, so that near-ties go to the smaller key.

    Example:
        >>> first_largest(torch.tensor([0.0, 2.0, 2.0 + 1e-12], dtype=torch.float64), scale=2.0)
        1
    """
    return int((values >= values.max() - NEAR * scale).nonzero()[0])
