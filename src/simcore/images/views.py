"""Training views: random crops with flips and colour jitter, each a function of (seed, step, key) alone."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import v2

from simcore.errors import InputError

_INTERPOLATIONS = ("bilinear", "bicubic")
_CROPS = ("random", "centre")
_MAGNITUDES = 31
_MARGIN = 256 / 224
_LATER = ("rand_augment", "crop")


@dataclass(frozen=True)
class ViewSettings:
    """How one view is drawn. The defaults are the paper's two-view augmentation: no blur, no solarisation.

    Attributes:
        image_size: side of the view, pixels.
        scale: smallest and largest share of the image's area that a crop takes.
        ratio: smallest and largest width / height of a crop.
        interpolation: "bilinear" or "bicubic" (MAE), antialiased.
        flip: probability of a horizontal flip.
        jitter: probability that the four below are applied, in a random order.
        brightness: the factor is uniform in [1 - brightness, 1 + brightness], not below 0; as with the next
            two.
        contrast: see `brightness`.
        saturation: see `brightness`.
        hue: the shift is uniform in [-hue, hue], a turn being 1.
        grayscale: probability of dropping the colours.
        rand_augment: operations an image, and their magnitude from 0 to 30, of RandAugment (Cubuk et al., CVPR
            Workshops 2020, with torchvision's fourteen operations), after crop and flip; None leaves it out.
        crop: "random", or "centre": the shorter side is brought to 256 / 224 of `image_size` and the middle cut
            out; `scale` and `ratio` then say nothing.

    Raises:
        InputError: a value is out of range.
    """

    image_size: int = 224
    scale: tuple[float, float] = (0.2, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: str = "bilinear"
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.8
    contrast: float = 0.8
    saturation: float = 0.8
    hue: float = 0.2
    grayscale: float = 0.2
    rand_augment: tuple[int, int] | None = None
    crop: str = "random"

    def __repr__(self) -> str:
        """Return all values, of `rand_augment` and `crop` those that are not the default.

        It is part of the fingerprint of runs, and these came later: runs without them stay the same runs.
        """
        shown = {field.name: getattr(self, field.name) for field in fields(self)}
        for field in fields(self):
            if field.name in _LATER and shown[field.name] == field.default:
                del shown[field.name]
        return f"ViewSettings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.image_size < 1:
            raise InputError(f"`image_size` is {self.image_size}; it must be at least 1 pixel.")
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise InputError(f"`scale` is {self.scale}; it must be two shares with 0 < smallest <= largest <= 1.")
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise InputError(f"`ratio` is {self.ratio}; it must be two numbers with 0 < smallest <= largest.")
        if self.interpolation not in _INTERPOLATIONS:
            raise InputError(f"`interpolation` is '{self.interpolation}'; allowed are 'bilinear' and 'bicubic'.")
        for name in ("flip", "jitter", "grayscale"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"`{name}` is {getattr(self, name)}; it is a probability from 0 to 1.")
        for name in ("brightness", "contrast", "saturation"):
            if getattr(self, name) < 0:
                raise InputError(f"`{name}` is {getattr(self, name)}; it must be at least 0.")
        if not 0 <= self.hue <= 0.5:  # noqa: PLR2004 (half a turn reaches every hue)
            raise InputError(f"`hue` is {self.hue}; it must be from 0 to 0.5.")
        if self.crop not in _CROPS:
            raise InputError(f"`crop` is '{self.crop}'; allowed are 'random' and 'centre'.")
        if self.rand_augment is not None:
            self._check_rand_augment(self.rand_augment)

    def _check_rand_augment(self, given: tuple[int, ...]) -> None:
        pair = isinstance(given, tuple) and len(given) == 2  # noqa: PLR2004
        if not pair or given[0] < 1 or not 0 <= given[1] < _MAGNITUDES:
            raise InputError(
                f"`rand_augment` is {given}; it must be a pair: at least 1 operation, of a magnitude from 0 to "
                f"{_MAGNITUDES - 1}."
            )


def check_groups(groups: tuple[tuple[ViewSettings, int], ...]) -> None:
    """Refuse groups of views that hold nothing.

    Raises:
        InputError: there is no group, or one without views.

    Example:
        >>> check_groups(((ViewSettings(image_size=32), 2),))
    """
    if not groups or min(count for _, count in groups) < 1:
        raise InputError(f"`groups` is {groups}; it must hold at least one group of at least one view.")


@dataclass(frozen=True)
class MultiViews:
    """Draws groups of views of one image, such as two large and four small crops.

    The transforms are torchvision's (v2, on PIL images). The views are a function of (`seed`, step, key, image): the
    number of workers, the order of the images and the point of resumption do not matter. torch's generator is
    seeded for the call and put back after it.

    A grey image, given as (h, w), stays in one channel, where saturation, hue and grayscale have nothing to do; the
    pixels are the same as those of the image repeated to three channels, in less time.

    Args:
        groups: (settings, number of views) pairs.
        seed: another seed, other views.

    Raises:
        InputError: there is no group, or one without views.

    Example:
        >>> views = MultiViews(((ViewSettings(image_size=32), 2), (ViewSettings(image_size=16), 4)), seed=0)
        >>> large, small = views(np.zeros((40, 50, 3), dtype=np.uint8), step=0, key="wren.jpg")
        >>> large.shape, small.shape
        (torch.Size([2, 3, 32, 32]), torch.Size([4, 3, 16, 16]))
    """

    groups: tuple[tuple[ViewSettings, int], ...]
    seed: int

    def __post_init__(self) -> None:
        """Check the groups."""
        check_groups(self.groups)

    def __call__(self, image: np.ndarray, *, step: int, key: str) -> tuple[torch.Tensor, ...]:
        """Return one tensor a group: uint8 (views, 3, image_size, image_size).

        Args:
            image: uint8 (h, w, 3), or (h, w) when grey (`ImageStore.compact`).
            step: number of the draw; the same image has other views in another step.
            key: of the image.
        """
        source = Image.fromarray(image)
        results = []
        with _torch_seeded(view_seed(seed=self.seed, step=step, key=key)):
            for settings, count in self.groups:
                transform = _transform(settings)
                views = torch.empty((count, 3, settings.image_size, settings.image_size), dtype=torch.uint8)
                target = views.numpy()
                for number in range(count):
                    view = np.asarray(transform(source))
                    target[number] = view if view.ndim == 2 else view.transpose(2, 0, 1)  # noqa: PLR2004
                results.append(views)
        return tuple(results)


@dataclass(frozen=True)
class TwoViews:
    """Draws two views of one image, from the same distribution; see `MultiViews` for what they depend on.

    Example:
        >>> views = TwoViews(ViewSettings(image_size=32), seed=0)
        >>> pair = views(np.zeros((40, 50, 3), dtype=np.uint8), step=0, key="wren.jpg")
        >>> pair.shape, pair.dtype
        (torch.Size([2, 3, 32, 32]), torch.uint8)
    """

    settings: ViewSettings
    seed: int

    def __call__(self, image: np.ndarray, *, step: int, key: str) -> torch.Tensor:
        """Return uint8 (2, 3, image_size, image_size); the arguments are those of `MultiViews`."""
        return MultiViews(((self.settings, 2),), seed=self.seed)(image, step=step, key=key)[0]


def view_seed(*, seed: int, step: int, key: str) -> int:
    """Return a 64-bit number that depends on all three, by a hash that is the same in every process."""
    digest = hashlib.blake2b(f"{seed}\0{step}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


@contextmanager
def _torch_seeded(seed: int) -> Iterator[None]:
    """Let torch's CPU generator start at `seed` inside, and go on outside as if nothing had been drawn.

    The generator itself, not `torch.manual_seed`, which would also visit every accelerator for each image.
    """
    generator = torch.default_generator
    state = generator.get_state()
    generator.manual_seed(seed)
    try:
        yield
    finally:
        generator.set_state(state)


@cache
def _transform(settings: ViewSettings) -> v2.Compose:
    interpolation = v2.InterpolationMode(settings.interpolation)
    if settings.crop == "centre":
        crop = [
            v2.Resize(round(settings.image_size * _MARGIN), interpolation=interpolation, antialias=True),
            v2.CenterCrop(settings.image_size),
        ]
    else:
        crop = [
            v2.RandomResizedCrop(
                settings.image_size,
                scale=settings.scale,
                ratio=settings.ratio,
                interpolation=interpolation,
                antialias=True,
            )
        ]
    strong = [] if settings.rand_augment is None else [v2.RandAugment(*settings.rand_augment)]
    return v2.Compose(
        [
            *crop,
            v2.RandomHorizontalFlip(settings.flip),
            *strong,
            v2.RandomApply(
                [v2.ColorJitter(settings.brightness, settings.contrast, settings.saturation, settings.hue)],
                p=settings.jitter,
            ),
            v2.RandomGrayscale(settings.grayscale),
        ]
    )
