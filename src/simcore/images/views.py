"""Training views: random crops with flips and colour jitter, each a function of (seed, step, key) alone."""

import hashlib
import math
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torchvision.transforms.v2 import functional as F  # noqa: N812 (the name torchvision's users know)

from simcore.errors import InputError

_CROP_ATTEMPTS = 10
_RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


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

    def __post_init__(self) -> None:
        """Check the values."""
        if self.image_size < 1:
            raise InputError(f"`image_size` is {self.image_size}; it must be at least 1 pixel.")
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise InputError(
                f"`scale` is {self.scale}; it must be two shares with 0 < smallest <= largest <= 1."
            )
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise InputError(f"`ratio` is {self.ratio}; it must be two numbers with 0 < smallest <= largest.")
        if self.interpolation not in _RESAMPLING:
            raise InputError(
                f"`interpolation` is '{self.interpolation}'; allowed are 'bilinear' and 'bicubic'."
            )
        for name in ("flip", "jitter", "grayscale"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"`{name}` is {getattr(self, name)}; it is a probability from 0 to 1.")
        for name in ("brightness", "contrast", "saturation"):
            if getattr(self, name) < 0:
                raise InputError(f"`{name}` is {getattr(self, name)}; it must be at least 0.")
        if not 0 <= self.hue <= 0.5:  # noqa: PLR2004 (half a turn reaches every hue)
            raise InputError(f"`hue` is {self.hue}; it must be from 0 to 0.5.")


@dataclass(frozen=True)
class MultiViews:
    """Draws groups of views of one image, such as two large and four small crops.

    The views are a function of (`seed`, step, key, image): the number of workers, the order of the images and
    the point of resumption do not matter. The numbers come from a generator made for the call, so the random
    state of torch, NumPy and Python is neither read nor changed.

    A grey image, given as (h, w), is not jittered in saturation and hue nor turned grey, since these leave
    grey as it is; the pixels are the same as those of the image repeated to three channels, at a third of the
    time.

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
        if not self.groups or min(count for _, count in self.groups) < 1:
            raise InputError(
                f"`groups` is {self.groups}; it must hold at least one group of at least one view."
            )

    def __call__(self, image: np.ndarray, *, step: int, key: str) -> tuple[torch.Tensor, ...]:
        """Return one tensor a group: uint8 (views, 3, image_size, image_size).

        Args:
            image: uint8 (h, w, 3), or (h, w) when grey (`ImageStore.compact`).
            step: number of the draw; the same image has other views in another step.
            key: of the image.
        """
        generator = _generator(seed=self.seed, step=step, key=key)
        source = Image.fromarray(image)
        results = []
        for settings, count in self.groups:
            views = torch.empty((count, 3, settings.image_size, settings.image_size), dtype=torch.uint8)
            target = views.numpy()
            for number in range(count):
                view = np.asarray(_draw(source, settings, generator))
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


def _generator(*, seed: int, step: int, key: str) -> Random:
    """Return a generator that depends on all three, by a hash that is the same in every process."""
    digest = hashlib.blake2b(f"{seed}\0{step}\0{key}".encode(), digest_size=16).digest()
    return Random(int.from_bytes(digest, "big"))  # noqa: S311 (views, not secrets)


def _draw(source: Image.Image, settings: ViewSettings, generator: Random) -> Image.Image:
    size = (settings.image_size, settings.image_size)
    box = _draw_box(*source.size, settings=settings, generator=generator)
    view = source.crop(box).resize(size, _RESAMPLING[settings.interpolation])
    if generator.random() < settings.flip:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if generator.random() < settings.jitter:
        view = _jitter(view, settings, generator)
    if generator.random() < settings.grayscale and view.mode == "RGB":
        view = view.convert("L")
    return view


def _draw_box(
    width: int, height: int, *, settings: ViewSettings, generator: Random
) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) as torchvision's RandomResizedCrop draws it.

    The area is uniform, the logarithm of the aspect is uniform, and ten misfits end in a centre crop.
    """
    lowest, highest = math.log(settings.ratio[0]), math.log(settings.ratio[1])
    for _ in range(_CROP_ATTEMPTS):
        area = width * height * generator.uniform(*settings.scale)
        ratio = math.exp(generator.uniform(lowest, highest))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = generator.randrange(width - w + 1), generator.randrange(height - h + 1)
            return left, top, left + w, top + h
    ratio = width / height
    w, h = width, height
    if ratio < settings.ratio[0]:
        h = min(height, max(1, round(width / settings.ratio[0])))
    elif ratio > settings.ratio[1]:
        w = min(width, max(1, round(height * settings.ratio[1])))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def _jitter(view: Image.Image, settings: ViewSettings, generator: Random) -> Image.Image:
    """Change brightness, contrast, saturation and hue, in a random order.

    All four are drawn even for a grey view, so that it is what its three-channel form would be.
    """
    brightness, contrast, saturation = (
        generator.uniform(max(0.0, 1 - width), 1 + width)
        for width in (settings.brightness, settings.contrast, settings.saturation)
    )
    hue = generator.uniform(-settings.hue, settings.hue)
    order = [0, 1, 2, 3]
    generator.shuffle(order)
    for change in order:
        if change == 0 and settings.brightness:
            view = ImageEnhance.Brightness(view).enhance(brightness)
        elif change == 1 and settings.contrast:
            view = ImageEnhance.Contrast(view).enhance(contrast)
        elif view.mode == "RGB":
            if change == 2 and settings.saturation:  # noqa: PLR2004 (the four are numbered)
                view = ImageEnhance.Color(view).enhance(saturation)
            elif change == 3 and settings.hue:  # noqa: PLR2004
                view = F.adjust_hue(view, hue)
    return view
