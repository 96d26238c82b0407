"""The fixed transform of evaluation, resize and centre crop; the normalisation that follows on the device."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image

from simcore.errors import InputError
from simcore.images.store import ImageStore

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_LONGEST = 8
"""Images longer than this many times their width lose their ends before the resize: the crop drops them anyway."""


def eval_pixels(
    store: ImageStore,
    *,
    image_size: int,
    resize_ratio: float = 1.0,
    rows: Sequence[int] | np.ndarray | None = None,
    workers: int = 1,
) -> torch.Tensor:
    """Return images as the evaluation sees them: uint8 (n, 3, image_size, image_size), on the CPU.

    The shorter side becomes round(image_size * resize_ratio) pixels (bilinear, antialiased), then the centre
    is cropped. The paper's pair of 256 and 224 is `image_size=224, resize_ratio=256 / 224`.

    Args:
        store: the images.
        image_size: side of the result, pixels.
        resize_ratio: shorter side before the crop over `image_size`, at least 1.
        rows: positions in the store; None takes all. Memory is 3 * image_size^2 bytes an image: give large
            stores in blocks.
        workers: threads; more than one pays where images are decoded at each access, or are large.

    Raises:
        InputError: `image_size` is below 1 or `resize_ratio` below 1.
    """
    if image_size < 1:
        raise InputError(f"`image_size` is {image_size}; it must be at least 1 pixel.")
    if resize_ratio < 1:
        raise InputError(
            f"`resize_ratio` is {resize_ratio}; it must be at least 1, or the crop would not fit."
        )
    positions = range(len(store)) if rows is None else [int(row) for row in rows]
    side = round(image_size * resize_ratio)
    pixels = torch.empty((len(positions), 3, image_size, image_size), dtype=torch.uint8)
    target = pixels.numpy()

    def place(slot: int) -> None:
        crop = _resize_and_crop(store.compact(positions[slot]), side=side, image_size=image_size)
        target[slot] = crop if crop.ndim == 2 else crop.transpose(2, 0, 1)  # noqa: PLR2004

    if workers > 1:
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(place, range(len(positions))):
                pass
    else:
        for slot in range(len(positions)):
            place(slot)
    return pixels


def normalise(
    pixels: torch.Tensor,
    *,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> torch.Tensor:
    """Return float32 (pixels / 255 - mean) / std of uint8 (..., 3, h, w), on the device the pixels are on.

    Raises:
        InputError: the pixels are not uint8, so that dividing by 255 would be wrong.

    Example:
        >>> white = torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)
        >>> [round(value, 4) for value in normalise(white).flatten().tolist()]
        [2.2489, 2.4286, 2.64]
    """
    if pixels.dtype != torch.uint8:
        raise InputError(f"`pixels` are {pixels.dtype}; `normalise` takes uint8, from 0 to 255.")
    scale = torch.tensor([1 / (255 * s) for s in std], device=pixels.device).view(-1, 1, 1)
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=pixels.device).view(
        -1, 1, 1
    )
    return torch.addcmul(shift, pixels.to(torch.float32), scale)


def _resize_and_crop(image: np.ndarray, *, side: int, image_size: int) -> np.ndarray:
    height, width = image.shape[:2]
    if max(height, width) > _LONGEST * min(height, width):
        image = _centre(image, size=(min(width, _LONGEST * height), min(height, _LONGEST * width)))
        height, width = image.shape[:2]
    if min(height, width) != side:
        size = (side, side * height // width) if width <= height else (side * width // height, side)
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    return _centre(image, size=(image_size, image_size))


def _centre(image: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """Crop (width, height) pixels about the centre, rounding as torchvision's CenterCrop does."""
    width, height = size
    top = round((image.shape[0] - height) / 2)
    left = round((image.shape[1] - width) / 2)
    return image[top : top + height, left : left + width]
