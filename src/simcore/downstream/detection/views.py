"""Training views of images with boxes, functions of (seed, step, key): a crop that keeps boxes whole, flip, size."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from simcore.downstream.detection.annotations import Objects
from simcore.errors import InputError
from simcore.images.decode import resize
from simcore.images.views import view_seed

PADDING = -1.0
"""Fills the rows of a box group that are no box."""

_DRAWS = 5


@dataclass(frozen=True)
class BoxViewSettings:
    """How images with boxes are shown.

    Attributes:
        min_side: Shorter side of an image, in pixels, unless the longer one would exceed `max_side`.
        max_side: Largest longer side, in pixels.
        flip: Probability of a horizontal flip in training.

    Raises:
        InputError: A value is out of range.
    """

    min_side: int = 200
    max_side: int = 333
    flip: float = 0.5

    def __post_init__(self) -> None:
        """Check the values."""
        if not 1 <= self.min_side <= self.max_side:
            raise InputError(
                f"`min_side` is {self.min_side} and `max_side` {self.max_side}; give pixels with "
                "1 <= min_side <= max_side."
            )
        if not 0 <= self.flip <= 1:
            raise InputError(f"`flip` is {self.flip}; it is a probability from 0 to 1.")


def shown_size(width: int, height: int, *, settings: BoxViewSettings) -> tuple[int, int]:
    """Return (width, height) of an image as it is shown: its shorter side at `min_side`, the longer within `max_side`.

    Example:
        >>> shown_size(1000, 500, settings=BoxViewSettings()), shown_size(40, 30, settings=BoxViewSettings())
        ((333, 166), (267, 200))
    """
    scale = min(settings.min_side / min(width, height), settings.max_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True)
class BoxViews:
    """Draws a view of an image together with its boxes.

    A crop is drawn whose edges lie, uniformly, between those of the image and those of the rectangle around all boxes,
    so that every box stays whole (the bbox-safe crop of the SimCore paper's detection); an image without boxes stays
    as it is. Then it is mirrored or not and resized (bilinear, antialiased).

    The groups are: the image, uint8 `(1, 3, max_side, max_side)`, at the top left, the rest zero; its boxes, float32
    `(1, m, 5)`: left, top, right, bottom in pixels of the view and the class, m being the largest number of boxes of
    an image, further rows -1; its height and width, int64 `(1, 2)`.

    Args:
        settings: Sizes and flip.
        objects: Boxes by key.
        seed: Another seed, other views.

    Example:
        >>> marked = Objects(np.array([[1.0, 2.0, 5.0, 6.0]]), np.array([3]), width=8, height=8)
        >>> views = BoxViews(BoxViewSettings(min_side=16, max_side=24), {"wren.jpg": marked}, seed=0)
        >>> pixels, boxes, size = views(np.zeros((8, 8), dtype=np.uint8), step=1, key="wren.jpg")
        >>> pixels.shape, boxes.shape, boxes[0, 0, 4].item(), size.shape
        (torch.Size([1, 3, 24, 24]), torch.Size([1, 1, 5]), 3.0, torch.Size([1, 2]))
    """

    settings: BoxViewSettings
    objects: Mapping[str, Objects] = field(repr=False)
    seed: int
    most: int = field(init=False, default=0)
    digest: str = field(init=False, default="")

    def __post_init__(self) -> None:
        """Work out how many rows are needed, and what tells these boxes from others: part of a run's fingerprint."""
        digest = hashlib.sha256()
        for key in sorted(self.objects):
            marked = self.objects[key]
            digest.update(f"{key}\0{marked.width}x{marked.height}\0".encode())
            digest.update(marked.boxes.astype("<f8").tobytes() + marked.classes.astype("<i8").tobytes())
        object.__setattr__(self, "digest", digest.hexdigest()[:16])
        object.__setattr__(self, "most", max((len(each.boxes) for each in self.objects.values()), default=0))

    def __call__(self, image: np.ndarray, *, step: int, key: str) -> tuple[Tensor, Tensor, Tensor]:
        """Return the groups.

        Args:
            image: uint8 `(h, w, 3)`, or `(h, w)` when grey; its size may be reduced.
            step: Number of the draw.
            key: Of the image.
        """
        marked = self.objects[key]
        height, width = image.shape[:2]
        boxes = marked.boxes * np.tile([width / marked.width, height / marked.height], 2)
        draws = _uniforms(view_seed(seed=self.seed, step=step, key=key))
        left, top, right, bottom = _draw_crop(boxes, width=width, height=height, draws=draws)
        crop = image[top:bottom, left:right]
        boxes = boxes - np.tile([left, top], 2)
        if draws[4] < self.settings.flip:
            crop = crop[:, ::-1]
            boxes = np.column_stack(
                [crop.shape[1] - boxes[:, 2], boxes[:, 1], crop.shape[1] - boxes[:, 0], boxes[:, 3]]
            )
        size = shown_size(crop.shape[1], crop.shape[0], settings=self.settings)
        boxes = boxes * np.tile([size[0] / crop.shape[1], size[1] / crop.shape[0]], 2)
        return self._pack(resize(np.ascontiguousarray(crop), size), boxes, marked.classes)

    def _pack(self, shown: np.ndarray, boxes: np.ndarray, classes: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        side = self.settings.max_side
        height, width = shown.shape[:2]
        canvas = np.zeros((1, 3, side, side), dtype=np.uint8)
        canvas[0, :, :height, :width] = shown if shown.ndim == 2 else shown.transpose(2, 0, 1)  # noqa: PLR2004
        rows = np.full((1, max(self.most, 1), 5), PADDING, dtype=np.float32)
        rows[0, : len(boxes), :4] = boxes
        rows[0, : len(boxes), 4] = classes
        return torch.from_numpy(canvas), torch.from_numpy(rows), torch.tensor([[height, width]])


def _uniforms(seed: int) -> np.ndarray:
    """Return numbers uniform in [0, 1) from raw Philox bits, whose stream NumPy guarantees."""
    return (np.random.Philox(seed).random_raw(_DRAWS) >> np.uint64(11)) * 2.0**-53


def _draw_crop(boxes: np.ndarray, *, width: int, height: int, draws: np.ndarray) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom, whole pixels."""
    if len(boxes) == 0:
        return 0, 0, width, height
    first, last = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    left, top = np.floor(first * draws[:2]).astype(int)
    right, bottom = np.ceil(last + (np.array([width, height]) - last) * draws[2:4]).astype(int)
    return int(left), int(top), min(int(right), width), min(int(bottom), height)
