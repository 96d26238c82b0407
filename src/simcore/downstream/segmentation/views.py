"""Views of an image and its mask, cut alike: random ones to train on, the centre to be measured on."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from simcore.downstream.segmentation.masks import IGNORED, Masks
from simcore.errors import InputError
from simcore.images.views import view_seed


@dataclass(frozen=True)
class CropSettings:
    """How training views are drawn: a flip, a random size, a random square of it.

    Attributes:
        image_size: Side of the square view, in pixels.
        base_ratio: Shorter side of the image at scale 1 over `image_size`.
        scale: Smallest and largest factor of that shorter side; the paper's 256 x 0.5 to 256 x 2 pixels for views of
            224.
        flip: Probability of a horizontal flip.

    Raises:
        InputError: A value is out of range.

    Example:
        >>> CropSettings().sides
        (128, 512)
    """

    image_size: int = 224
    base_ratio: float = 256 / 224
    scale: tuple[float, float] = (0.5, 2.0)
    flip: float = 0.5

    def __post_init__(self) -> None:
        """Check the values."""
        if self.image_size < 1:
            raise InputError(f"`image_size` is {self.image_size}; it must be at least 1 pixel.")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise InputError(f"`scale` is {self.scale}; it must be two factors with 0 < smallest <= largest.")
        if self.sides[0] < 1:
            raise InputError(
                f"`scale` {self.scale[0]:g} x `base_ratio` {self.base_ratio:g} x `image_size` {self.image_size} is no "
                "whole pixel; raise one of them."
            )
        if not 0 <= self.flip <= 1:
            raise InputError(f"`flip` is {self.flip}; it is a probability from 0 to 1.")

    @property
    def sides(self) -> tuple[int, int]:
        """The smallest and the largest shorter side that is drawn, in pixels."""
        base = round(self.image_size * self.base_ratio)
        return int(base * self.scale[0]), int(base * self.scale[1])


@dataclass(frozen=True)
class JointViews:
    """Draws a view of an image and the same one of its mask.

    The image is resized so that its shorter side is drawn uniformly from `settings.sides`, padded on the right and at
    the bottom with black (of the mask: with `IGNORED`) where that is less than `image_size`, and a square is cropped
    anywhere; then it may be flipped (appendix B.5 of the SimCore paper, and its code). Only the pixels of the crop are
    computed: the image is sampled bilinearly with antialiasing, the mask takes the nearest pixel.

    What is drawn is a function of (`seed`, step, key) alone, from raw Philox numbers, whose stream NumPy guarantees.

    Args:
        masks: By key.
        settings: Size and ranges.
        seed: Another seed, other views.
    """

    masks: Masks
    settings: CropSettings
    seed: int

    def __call__(self, image: np.ndarray, *, step: int, key: str) -> tuple[Tensor, Tensor]:
        """Return the view, uint8 `(1, 3, s, s)`, and its classes, int16 `(1, s, s)`.

        Args:
            image: uint8 `(h, w, 3)`, or `(h, w)` when grey; it may have been reduced, its mask is as it came.
            step: Number of the draw.
            key: Of the image.
        """
        bits = np.random.Philox(key=view_seed(seed=self.seed, step=step, key=key)).random_raw(4)
        size, top, left, flip = ((bits >> np.uint64(11)) * 2.0**-53).tolist()
        low, high = self.settings.sides
        window = Window(
            image_size=self.settings.image_size,
            shorter=low + math.floor(size * (high - low + 1)),
            top=top,
            left=left,
            flip=flip < self.settings.flip,
        )
        pixels, classes = window.cut(Image.fromarray(image), self.masks.picture(key))
        return torch.from_numpy(pixels)[None], torch.from_numpy(classes)[None]


@dataclass(frozen=True)
class Window:
    """A square of a resized image.

    Attributes:
        image_size: Side of the square, in pixels.
        shorter: Shorter side of the resized image, in pixels.
        top: Where the square begins, as a share of the places there are; None is the centre.
        left: Likewise.
        flip: Whether it is mirrored.
    """

    image_size: int
    shorter: int
    top: float | None = None
    left: float | None = None
    flip: bool = field(default=False)

    def cut(self, image: Image.Image, classes: Image.Image) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels uint8 `(3, s, s)` and classes int16 `(s, s)`.

        Args:
            image: Grey or in colour.
            classes: One class a pixel, of the size of the image or larger (where the image was reduced).
        """
        width, height = image.size
        if width <= height:
            size = self.shorter, max(self.shorter, self.shorter * height // width)
        else:
            size = max(self.shorter, self.shorter * width // height), self.shorter
        across, down = _place(size[0], self.image_size, self.left), _place(size[1], self.image_size, self.top)
        pixels = np.asarray(self._sample(image, across, down, Image.Resampling.BILINEAR))
        values = np.asarray(self._sample(classes, across, down, Image.Resampling.NEAREST))
        side = self.image_size
        canvas = np.zeros((3, side, side), dtype=np.uint8)
        # A grey image is written to all three channels.
        canvas[:, : pixels.shape[0], : pixels.shape[1]] = (
            pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)  # noqa: PLR2004
        )
        target = np.full((side, side), IGNORED, dtype=np.int16)
        target[: values.shape[0], : values.shape[1]] = values
        return canvas, target

    def _sample(
        self, picture: Image.Image, across: "_Span", down: "_Span", resampling: Image.Resampling
    ) -> Image.Image:
        width, height = picture.size
        box = (across.start * width, down.start * height, across.end * width, down.end * height)
        sampled = picture.resize((across.length, down.length), resampling, box=box)
        return sampled.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if self.flip else sampled


@dataclass(frozen=True)
class _Span:
    """Part of an axis: from `start` to `end`, shares of its length, `length` pixels of the resized image."""

    start: float
    end: float
    length: int


def _place(whole: int, side: int, share: float | None) -> _Span:
    """Return where a crop of `side` lies on an axis of `whole` pixels."""
    length = min(whole, side)
    free = whole - length
    first = round(free / 2) if share is None else math.floor(share * (free + 1))
    return _Span(first / whole, (first + length) / whole, length)


def centre_view(image: np.ndarray, classes: Image.Image, *, image_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what a test image is measured on: its shorter side resized to `image_size`, then the centre square.

    Args:
        image: uint8 `(h, w, 3)` or `(h, w)`.
        classes: Its mask, from `Masks.picture`.
        image_size: Side, in pixels.

    Returns:
        Pixels uint8 `(3, s, s)` and classes int16 `(s, s)`.

    Example:
        >>> pixels, classes = centre_view(np.zeros((6, 9), np.uint8), Image.new("L", (9, 6), 1), image_size=4)
        >>> pixels.shape, classes.min()
        ((3, 4, 4), np.int16(1))
    """
    return Window(image_size=image_size, shorter=image_size).cut(Image.fromarray(image), classes)
