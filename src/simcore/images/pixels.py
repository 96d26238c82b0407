"""The fixed transform of evaluation: resize and centre crop."""

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

import numpy as np
import torch

from simcore.errors import InputError
from simcore.images.decode import resize
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
    positions = range(len(store)) if rows is None else rows
    [pixels] = eval_batches(store, [positions], image_size=image_size, resize_ratio=resize_ratio, workers=workers)
    return pixels


def eval_batches(
    store: ImageStore,
    batches: Iterable[Sequence[int] | np.ndarray],
    *,
    image_size: int,
    resize_ratio: float = 1.0,
    workers: int | None = None,
    ahead: int = 2,
    pin_memory: bool = False,
) -> Generator[torch.Tensor, None, None]:
    """Yield what `eval_pixels` returns for each of `batches`, in order, the next ones being made meanwhile.

    One pool of threads works through the images of all batches, so that none of them waits for the last image of a
    batch; at most `ahead` + 1 batches are in memory.

    Args:
        store: the images.
        batches: positions in the store, batch by batch; taken from the iterable as they are needed.
        image_size: as for `eval_pixels`.
        resize_ratio: as for `eval_pixels`.
        workers: as for `eval_pixels`.
        ahead: batches in the making while one is used.
        pin_memory: whether the pixels lie in memory that a GPU can copy from without waiting.

    Raises:
        InputError: as `eval_pixels`, at the first batch; an image cannot be read any more.

    Example:
        >>> from simcore.images import build_manifest
        >>> list(eval_batches(ImageStore(build_manifest([])), [], image_size=4))
        []
    """
    if image_size < 1:
        raise InputError(f"`image_size` is {image_size}; it must be at least 1 pixel.")
    if resize_ratio < 1:
        raise InputError(f"`resize_ratio` is {resize_ratio}; it must be at least 1, or the crop would not fit.")
    if workers is None and store.cached and image_size <= _SMALL:
        workers = 1
    side = round(image_size * resize_ratio)

    def place(positions: Sequence[int], target: np.ndarray) -> None:
        for position, slot in zip(positions, target, strict=True):
            crop = _resize_and_crop(store.compact(position), side=side, image_size=image_size)
            slot[:] = crop if crop.ndim == 2 else crop.transpose(2, 0, 1)  # noqa: PLR2004

    def start(batch: Sequence[int] | np.ndarray) -> tuple[torch.Tensor, list[Future[None]]]:
        positions = [int(row) for row in batch]
        pixels = torch.empty((len(positions), 3, image_size, image_size), dtype=torch.uint8, pin_memory=pin_memory)
        target = pixels.numpy()
        lots = [slice(first, first + _LOT) for first in range(0, len(positions), _LOT)]
        return pixels, [pool.submit(place, positions[lot], target[lot]) for lot in lots]

    window: deque[tuple[torch.Tensor, list[Future[None]]]] = deque()
    with ThreadPoolExecutor(usable_workers(workers)) as pool:
        try:
            for batch in batches:
                window.append(start(batch))
                if len(window) > ahead:
                    yield _wait(*window[0])
                    window.popleft()
            while window:
                yield _wait(*window[0])
                window.popleft()
        finally:
            for future in chain.from_iterable(futures for _, futures in window):
                future.cancel()


def _wait(pixels: torch.Tensor, futures: list[Future[None]]) -> torch.Tensor:
    for future in futures:
        future.result()
    return pixels


def _resize_and_crop(image: np.ndarray, *, side: int, image_size: int) -> np.ndarray:
    image = _drop_ends(image)
    height, width = image.shape[:2]
    if min(height, width) != side:
        size = (side, side * height // width) if width <= height else (side * width // height, side)
        image = resize(image, size)
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
