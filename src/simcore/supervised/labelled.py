"""Views that bring the class of their image along."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from simcore.training import MakeViews


@dataclass(frozen=True)
class LabelledViews:
    """Draws the views of an image and adds its class number as a last group, `(1,)` int64.

    The training loop hands what is not uint8 to the method as it is, so that a method with labels gets
    `[*views, classes]`, classes being `(n,)`.

    Args:
        views: Draws the views.
        classes: Class number by key.

    Example:
        >>> from simcore.images import TwoViews, ViewSettings
        >>> views = LabelledViews(TwoViews(ViewSettings(image_size=8), seed=0), {"wren.jpg": 3})
        >>> pair, label = views(np.zeros((9, 9), dtype=np.uint8), step=1, key="wren.jpg")
        >>> pair.shape, label
        (torch.Size([2, 3, 8, 8]), tensor([3]))
    """

    views: MakeViews
    classes: Mapping[str, int] = field(repr=False)
    digest: str = field(init=False, default="")

    def __post_init__(self) -> None:
        """Work out what tells these labels from others: it is part of a run's fingerprint."""
        text = json.dumps(sorted(self.classes.items()))
        object.__setattr__(self, "digest", hashlib.sha256(text.encode()).hexdigest()[:16])

    def __call__(self, image: np.ndarray, *, step: int, key: str) -> tuple[Tensor, ...]:
        """Return the groups of views and the class."""
        made = self.views(image, step=step, key=key)
        groups = made if isinstance(made, tuple) else (made,)
        return (*groups, torch.tensor([self.classes[key]]))
