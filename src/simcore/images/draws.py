"""The random parameters of views, for a whole batch at once: boxes, flips, colour factors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.images.views import ViewSettings, view_seed

CHANGES = ("brightness", "contrast", "saturation", "hue")
"""The columns of `Draws.factors`, and what the numbers in `Draws.order` stand for."""

_ATTEMPTS = 10
_DRAWS = 64
_TOP, _LEFT, _FLIP, _JITTER, _GREY, _FACTORS, _ORDER = 20, 21, 22, 23, 24, 25, 29
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Draws:
    """What was drawn for `v` views of each of `n` images.

    Attributes:
        boxes: (n, v, 4) int64: top, left, height, width in pixels.
        flip: (n, v) bool.
        jitter: (n, v) bool, whether the colours change.
        order: (n, v, 4) int64, the order in which they do, as numbers into `CHANGES`.
        factors: (n, v, 4) float32; the hue's is a share of a turn.
        grey: (n, v) bool, whether the colours are dropped afterwards.
    """

    boxes: np.ndarray
    flip: np.ndarray
    jitter: np.ndarray
    order: np.ndarray
    factors: np.ndarray
    grey: np.ndarray


def draw_views(
    groups: Sequence[tuple[ViewSettings, int]],
    sizes: np.ndarray,
    *,
    seed: int,
    step: int,
    keys: Sequence[str],
) -> list[Draws]:
    """Return one `Draws` a group, distributed as torchvision's transforms draw them.

    The numbers of an image are a function of (`seed`, `step`, its key, its size) alone: a counter-based generator
    (SplitMix64: Steele, Lea and Flood, OOPSLA 2014) whose counter says what is drawn, so that neither the other
    images of the batch nor earlier calls matter, and a batch is drawn without a loop over its images.

    Args:
        groups: (settings, number of views) pairs.
        sizes: (n, 2), height and width of each image, pixels.
        seed: another seed, other views.
        step: number of the draw.
        keys: n keys of the images.

    Example:
        >>> draws = draw_views(((ViewSettings(), 2),), np.array([[40, 50]]), seed=0, step=0, keys=["wren.jpg"])
        >>> draws[0].boxes.shape, draws[0].factors.dtype.name
        ((1, 2, 4), 'float32')
    """
    seeds = np.array([view_seed(seed=seed, step=step, key=key) for key in keys], dtype=np.uint64)
    first = 0
    drawn = []
    for settings, count in groups:
        drawn.append(_draw_group(_uniforms(seeds, first, count), settings, sizes=np.asarray(sizes)))
        first += count
    return drawn


def _uniforms(seeds: np.ndarray, first: int, count: int) -> np.ndarray:
    """Return (n, count, _DRAWS) numbers uniform in [0, 1) for the views `first` to `first + count`."""
    counters = np.arange(first * _DRAWS + 1, (first + count) * _DRAWS + 1, dtype=np.uint64)
    bits = seeds[:, None] + counters * _GOLDEN
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return ((bits >> np.uint64(11)) * 2.0**-53).reshape(len(seeds), count, _DRAWS)


def _draw_group(uniforms: np.ndarray, settings: ViewSettings, *, sizes: np.ndarray) -> Draws:
    strengths = np.array([getattr(settings, name) for name in CHANGES])
    centres = np.array([1.0, 1.0, 1.0, 0.0])
    low, high = centres - strengths, centres + strengths
    low[:3] = np.maximum(low[:3], 0)
    return Draws(
        boxes=_draw_boxes(uniforms, settings, sizes=sizes),
        flip=uniforms[..., _FLIP] < settings.flip,
        jitter=uniforms[..., _JITTER] < settings.jitter,
        order=np.argsort(uniforms[..., _ORDER : _ORDER + 4], axis=-1),
        factors=(low + (high - low) * uniforms[..., _FACTORS : _FACTORS + 4]).astype(np.float32),
        grey=uniforms[..., _GREY] < settings.grayscale,
    )


def _draw_boxes(uniforms: np.ndarray, settings: ViewSettings, *, sizes: np.ndarray) -> np.ndarray:
    """Return the first of ten boxes of random area and shape that fits the image, else its largest centre."""
    height, width = sizes[:, :1], sizes[:, 1:]
    smallest, largest = settings.scale
    narrow, wide = math.log(settings.ratio[0]), math.log(settings.ratio[1])
    area = (height * width)[..., None] * (smallest + (largest - smallest) * uniforms[..., :_ATTEMPTS])
    ratio = np.exp(narrow + (wide - narrow) * uniforms[..., _ATTEMPTS : 2 * _ATTEMPTS])
    widths, heights = np.rint(np.sqrt(area * ratio)), np.rint(np.sqrt(area / ratio))
    fits = (widths > 0) & (widths <= width[..., None]) & (heights > 0) & (heights <= height[..., None])
    chosen = fits.argmax(axis=-1)[..., None]
    w = np.take_along_axis(widths, chosen, axis=-1)[..., 0]
    h = np.take_along_axis(heights, chosen, axis=-1)[..., 0]
    top = np.floor(uniforms[..., _TOP] * (height - h + 1))
    left = np.floor(uniforms[..., _LEFT] * (width - w + 1))
    centre_h = np.where(width / height < settings.ratio[0], np.rint(width / settings.ratio[0]), height)
    centre_w = np.where(width / height > settings.ratio[1], np.rint(height * settings.ratio[1]), width)
    drawn = np.stack([top, left, h, w], axis=-1)
    centre = np.stack([(height - centre_h) // 2, (width - centre_w) // 2, centre_h, centre_w], axis=-1)
    return np.where(fits.any(axis=-1)[..., None], drawn, np.broadcast_to(centre, (*centre.shape,))).astype(np.int64)
