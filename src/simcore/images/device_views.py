"""Training views of whole batches, drawn on the host and made on the device that trains."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from kornia.color import rgb_to_grayscale
from kornia.enhance import (
    adjust_brightness_accumulative,
    adjust_contrast_with_mean_subtraction,
    adjust_hue,
    adjust_saturation_with_gray_subtraction,
)
from torch import Tensor

from simcore.errors import InputError
from simcore.images.crops import crop_and_resize
from simcore.images.draws import Draws, draw_views
from simcore.images.views import ViewSettings, check_groups

_MOST_VALUES = 2**28
"""Numbers in memory at once, about: images beyond that are done in parts; 1 GiB as float32."""

_GREY_AXES = 2


def _shift_hue(views: Tensor, turns: Tensor) -> Tensor:
    return adjust_hue(views, turns * (2 * torch.pi))


# By their place in `draws.CHANGES`. kornia has several of each; these are the ones that mean what torchvision means.
_CHANGES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    adjust_brightness_accumulative,
    adjust_contrast_with_mean_subtraction,
    adjust_saturation_with_gray_subtraction,
    _shift_hue,
)
_ON_GREY = 2
"""So many of the changes do something to a grey image."""


@dataclass(frozen=True)
class DeviceViews:
    """Draws groups of views of a batch of images; what `MultiViews` does one by one on the CPU.

    The distribution is that of `MultiViews` (torchvision's), the numbers drawn are others. The parameters are a
    function of (`seed`, step, key, image size) alone, and so are crops, flips and sizes, to the bit, on every device
    and in every batch (`crop_and_resize`). Colours are changed by kornia in float32 and rounded once, at the end,
    where torchvision rounds after each change; another device may round a rare pixel to the neighbouring level.

    Images differ in size: each part of the batch is padded to its largest. An image on the device already
    (`ImageStore.on_device`) is not copied there again.

    Args:
        groups: (settings, number of views) pairs.
        seed: another seed, other views.

    Raises:
        InputError: there is no group, or one without views, or one that asks for what workers alone can draw.

    Example:
        >>> views = DeviceViews(((ViewSettings(image_size=32), 2), (ViewSettings(image_size=16), 4)), seed=0)
        >>> images = [np.zeros((40, 50, 3), dtype=np.uint8), np.zeros((30, 30), dtype=np.uint8)]
        >>> large, small = views(images, step=0, keys=["wren.jpg", "x-ray.png"], device="cpu")
        >>> large.shape, small.shape
        (torch.Size([2, 2, 3, 32, 32]), torch.Size([4, 2, 3, 16, 16]))
    """

    groups: tuple[tuple[ViewSettings, int], ...]
    seed: int

    def __post_init__(self) -> None:
        """Check the groups."""
        check_groups(self.groups)
        for settings, _ in self.groups:
            if settings.rand_augment is not None or settings.crop != "random":
                raise InputError(
                    f"A group has `rand_augment` {settings.rand_augment} and `crop` '{settings.crop}', which are drawn "
                    "by workers only; use `MultiViews` with `views_on` = `workers`, or leave both as they are."
                )

    @torch.no_grad()
    def __call__(
        self,
        images: Sequence[np.ndarray | Tensor],
        *,
        step: int,
        keys: Sequence[str],
        device: str | torch.device,
    ) -> list[Tensor]:
        """Return one tensor a group: uint8 (views, n, 3, image_size, image_size) on `device`.

        Args:
            images: uint8 (h, w, 3), or (h, w) when grey (`ImageStore.compact`); arrays, or tensors on `device`.
            step: number of the draw; the same image has other views in another step.
            keys: of the images.
            device: where the views are made and stay.

        Raises:
            InputError: there are not as many keys as images.
        """
        if len(images) != len(keys):
            raise InputError(f"There are {len(images)} images with {len(keys)} `keys`; give each image its key.")
        device = torch.device(device)
        sizes = np.array([image.shape[:2] for image in images], dtype=np.int64).reshape(-1, 2)
        drawn = draw_views(self.groups, sizes, seed=self.seed, step=step, keys=keys)
        results = [
            torch.empty(
                (count, len(images), 3, settings.image_size, settings.image_size), dtype=torch.uint8, device=device
            )
            for settings, count in self.groups
        ]
        for part in self._parts(sizes):
            pixels = _pad(images[part], sizes[part], device=device)
            for (settings, count), draws, result in zip(self.groups, drawn, results, strict=True):
                views = _make_views(pixels, _take(draws, part), settings)
                result[:, part] = views.unflatten(0, (-1, count)).transpose(0, 1)
        return results

    def _parts(self, sizes: np.ndarray) -> Iterator[slice]:
        """Yield slices of the batch that take about `_MOST_VALUES` numbers at most."""
        start = 0
        tallest = widest = 0
        for position, (height, width) in enumerate(sizes.tolist()):
            tallest, widest = max(tallest, height), max(widest, width)
            if position > start and (position + 1 - start) * self._values(tallest, widest) > _MOST_VALUES:
                yield slice(start, position)
                start, tallest, widest = position, height, width
        if len(sizes):
            yield slice(start, len(sizes))

    def _values(self, height: int, width: int) -> int:
        """Return about how many numbers one image of this size needs: itself, and weights and pixels of a group."""
        needed = (
            count * side * (3 * (height + width) + 6 * height + 18 * side)
            for count, side in ((count, settings.image_size) for settings, count in self.groups)
        )
        return 4 * height * width + max(needed)


def _pad(images: Sequence[np.ndarray | Tensor], sizes: np.ndarray, *, device: torch.device) -> Tensor:
    """Return the images as uint8 (n, h, w, c) on `device`, h and w the largest; one channel when all are grey."""
    height, width = sizes.max(axis=0).tolist()
    channels = 1 if all(image.ndim == _GREY_AXES for image in images) else 3
    there = all(isinstance(image, Tensor) for image in images)
    batch = torch.empty(
        (len(images), height, width, channels),
        dtype=torch.uint8,
        device=device if there else None,
        pin_memory=not there and device.type == "cuda",
    )
    # The padding stays as it is: its weights are zero.
    target: Any = batch if there else batch.numpy()
    for slot, image in enumerate(images):
        target[slot, : image.shape[0], : image.shape[1]] = image[..., None] if image.ndim == _GREY_AXES else image
    return batch.to(device, non_blocking=True)


def _take(draws: Draws, part: slice) -> Draws:
    return Draws(**{name: values[part] for name, values in vars(draws).items()})


def _make_views(pixels: Tensor, draws: Draws, settings: ViewSettings) -> Tensor:
    """Return uint8 (n v, c, s, s), the views of an image one after another."""
    views = crop_and_resize(
        pixels,
        torch.from_numpy(draws.boxes),
        torch.from_numpy(draws.flip),
        image_size=settings.image_size,
        interpolation=settings.interpolation,
    ).flatten(0, 1)
    if settings.jitter == 0 and settings.grayscale == 0:
        return views.to(torch.uint8)
    return _recolour(views / 255, draws).mul_(255).round_().to(torch.uint8)


def _recolour(views: Tensor, draws: Draws) -> Tensor:
    """Change the colours of `views`, (n v, c, s, s) from 0 to 1: each view by its factors, in its order."""
    grey = views.shape[1] == 1
    jitter, order = draws.jitter.reshape(-1), draws.order.reshape(len(views), -1)
    factors = torch.from_numpy(draws.factors).view(len(views), -1).to(views.device, non_blocking=True)
    for place in range(order.shape[1]):
        for number, change in enumerate(_CHANGES[:_ON_GREY] if grey else _CHANGES):
            chosen = np.flatnonzero(jitter & (order[:, place] == number))
            if len(chosen):
                rows = torch.from_numpy(chosen).to(views.device, non_blocking=True)
                views[rows] = change(views[rows], factors[rows, number])
    chosen = np.flatnonzero(draws.grey.reshape(-1))
    if len(chosen) and not grey:
        rows = torch.from_numpy(chosen).to(views.device, non_blocking=True)
        views[rows] = rgb_to_grayscale(views[rows]).expand(-1, 3, -1, -1)
    return views
