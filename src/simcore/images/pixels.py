"""The fixed transform of evaluation: resize and centre crop."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image

from simcore.errors import InputError
from simcore.images.store import ImageStore
from simcore.images.verify import usable_workers

_LOT = 8
_SMALL = 64
_LONGEST = 8
"""Images longer than this many times their width lose their ends first: the crop drops them anyway."""


def eval_pixels(
    store: ImageStore,
    *,
    image_size: int,
    resize_ratio: float = 1.0,
    rows: Sequence[int] | np.ndarray | None = None,
    workers: int | None = None,
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
        workers: threads; None takes every usable core, or one where images are small and in memory.

    Raises:
        InputError: `image_size` is below 1 or `resize_ratio` below 1.
    """
    if image_size < 1:
        raise InputError(f"`image_size` is {image_size}; it must be at least 1 pixel.")
    if resize_ratio < 1:
        raise InputError(f"`resize_ratio` is {resize_ratio}; it must be at least 1, or the crop would not fit.")
    positions = range(len(store)) if rows is None else [int(row) for row in rows]
    side = round(image_size * resize_ratio)
    pixels = torch.empty((len(positions), 3, image_size, image_size), dtype=torch.uint8)
    target = pixels.numpy()

    def place(slots: range) -> None:
        for slot in slots:
            crop = _resize_and_crop(store.compact(positions[slot]), side=side, image_size=image_size)
            target[slot] = crop if crop.ndim == 2 else crop.transpose(2, 0, 1)  # noqa: PLR2004

    if workers is None and store.cached and image_size <= _SMALL:
        workers = 1
    lots = [range(start, min(start + _LOT, len(positions))) for start in range(0, len(positions), _LOT)]
    threads = min(usable_workers(workers), len(lots))
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(place, lots))
    else:
        for lot in lots:
            place(lot)
    return pixels


def _resize_and_crop(image: np.ndarray, *, side: int, image_size: int) -> np.ndarray:
    image = _drop_ends(image)
    height, width = image.shape[:2]
    if min(height, width) != side:
        size = (side, side * height // width) if width <= height else (side * width // height, side)
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    return _centre(image, size=(image_size, image_size))


def _drop_ends(image: np.ndarray) -> np.ndarray:
    """Return the middle of a very long image, since resized whole it could fill the memory."""
    height, width = image.shape[:2]
    shorter, longer = min(height, width), max(height, width)
    kept = _LONGEST * shorter
    if longer <= kept:
        return image
    kept += (longer - kept) % 2  # as much from either end, so that the centre stays where it is
    return _centre(image, size=(min(width, kept), min(height, kept)))


def _centre(image: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """Crop (width, height) pixels about the centre, rounding as torchvision's CenterCrop does."""
    width, height = size
    top = round((image.shape[0] - height) / 2)
    left = round((image.shape[1] - width) / 2)
    return image[top : top + height, left : left + width]
