"""Views that bring along whether their image is of X, for the methods that ask for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from simcore.training import MakeDeviceViews, MakeViews

TARGET = "target"
OPENSET = "openset"
"""What the keys of a training set start with, before a colon."""


@dataclass(frozen=True)
class OriginViews:
    """Draws the views of an image and adds its origin as a last group, `(1,)` int64: 1 for X, 0 for the open-set.

    Attributes:
        views: Draws the views.
        start: What the keys of X start with.

    Example:
        >>> from simcore.images import TwoViews, ViewSettings
        >>> views = OriginViews(TwoViews(ViewSettings(image_size=8), seed=0), "target:")
        >>> pair, origin = views(np.zeros((9, 9), dtype=np.uint8), step=1, key="openset:wren.jpg")
        >>> pair.shape, origin
        (torch.Size([2, 3, 8, 8]), tensor([0]))
    """

    views: MakeViews
    start: str

    def __call__(self, image: np.ndarray, *, step: int, key: str) -> tuple[Tensor, ...]:
        """Return the groups of views and the origin."""
        made = self.views(image, step=step, key=key)
        groups = made if isinstance(made, tuple) else (made,)
        return (*groups, torch.tensor([int(key.startswith(self.start))]))


@dataclass(frozen=True)
class OriginDeviceViews:
    """Draws the views of a batch on the device and adds the images' origins, `(1, n)` int64, as `OriginViews` does.

    Attributes:
        views: Draws the views.
        start: What the keys of X start with.
    """

    views: MakeDeviceViews
    start: str

    def __call__(
        self, images: Sequence[np.ndarray | Tensor], *, step: int, keys: Sequence[str], device: torch.device
    ) -> list[Tensor]:
        """Return the groups of views and the origins."""
        groups = self.views(images, step=step, keys=keys, device=device)
        origins = [int(key.startswith(self.start)) for key in keys]
        return [*groups, torch.tensor([origins], device=device)]
