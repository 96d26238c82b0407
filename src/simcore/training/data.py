"""Batches of views for the training loop."""

import hashlib
import logging
import multiprocessing
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from simcore.training.batches import BatchStream, Share

logger = logging.getLogger(__name__)


class Images(Protocol):
    """What training reads: keys and uint8 images by position (`simcore.images.ImageStore`)."""

    @property
    def keys(self) -> np.ndarray:
        """Keys of the images, in order."""

    def __len__(self) -> int: ...

    def compact(self, position: int) -> np.ndarray:
        """Return image `position`: uint8, `(h, w, 3)` or, when grey, `(h, w)`."""


class MakeViews(Protocol):
    """Draws the views of one image (`simcore.images.TwoViews`, `simcore.images.MultiViews`).

    They are a function of its own seed, `step`, `key` and the image alone. Its `repr` must tell its settings
    and seed: it is part of a run's fingerprint.
    """

    def __call__(self, image: np.ndarray, *, step: int, key: str) -> Tensor | tuple[Tensor, ...]:
        """Return the views, uint8 `(v, 3, s, s)`; as a tuple when there are groups of different sizes."""


class MakeDeviceViews(Protocol):
    """Draws the views of a batch on a device (`simcore.images.DeviceViews`).

    Those of an image are a function of its own seed, `step`, `key` and the image alone, as with `MakeViews`.
    """

    def __call__(
        self, images: Sequence[np.ndarray | Tensor], *, step: int, keys: Sequence[str], device: torch.device
    ) -> list[Tensor]:
        """Return one tensor `(v, n, 3, s, s)`, uint8, a group."""


class Source(NamedTuple):
    """Images, how their views are drawn, and which of them a step takes.

    Attributes:
        store: Images by position.
        views: Makes the views of an image.
        stream: Says which images a step takes.
    """

    store: Images
    views: MakeViews | MakeDeviceViews
    stream: BatchStream


def keys_digest(store: Images) -> str:
    """Return what tells the keys of a store and their order from others, in hex."""
    return hashlib.sha256("\n".join(map(str, store.keys)).encode()).hexdigest()


class Decoded(NamedTuple):
    """Images of a batch, of different sizes, in one buffer: workers hand over one tensor, not one an image.

    Attributes:
        pixels: All pixels, uint8, one image after the other.
        shapes: `(h, w, 3)` or `(h, w)` of each.
        keys: Key of each.
    """

    pixels: Tensor
    shapes: list[tuple[int, ...]]
    keys: list[str]

    def images(self) -> list[np.ndarray]:
        """Return the images, views of the buffer."""
        flat, end, found = self.pixels.numpy(), 0, []
        for shape in self.shapes:
            start, end = end, end + int(np.prod(shape))
            found.append(flat[start:end].reshape(shape))
        return found


class Resident(NamedTuple):
    """Images of a batch that stay where the views are drawn.

    Attributes:
        tensors: The images.
        keys: Key of each.
    """

    tensors: list[Tensor]
    keys: list[str]

    def images(self) -> list[Tensor]:
        """Return the images."""
        return self.tensors


def stream_resident(
    store: Any, stream: BatchStream, *, steps: range, share: Share, device: torch.device
) -> Iterator[Resident]:
    """Yield the images of the passes of `steps` from a store whose pixels fit on the device, without copies.

    Args:
        store: An `ImageStore` with its pixels in the cache; they are copied to the device once.
        stream: Says which images a step takes.
        steps: Steps (1-based).
        share: What this process takes of a batch.
        device: Where the views are drawn.
    """
    pixels = store.on_device(device)
    for step in steps:
        batch = stream.batch(step)
        for number in range(share.passes):
            places = share.part(batch, number)
            yield Resident(
                [pixels.compact(int(place)) for place in places], [str(store.keys[place]) for place in places]
            )


class _Parts(Dataset[Any]):
    """Maps a number to the part of a batch that one pass of the model takes; a worker makes whole parts."""

    def __init__(self, source: Source, *, share: Share, on_device: bool = False) -> None:
        self.store = source.store
        self.keys = source.store.keys
        self.views: Any = source.views
        self.stream = source.stream
        self.share = share
        self.on_device = on_device

    def __getitem__(self, number: int) -> Decoded | list[Tensor]:
        step, place = divmod(number, self.share.passes)
        positions = self.share.part(self.stream.batch(step), place)
        if self.on_device:
            return self._decode(positions)
        drawn = [self._draw(int(position), step) for position in positions]
        return [torch.stack(group, dim=1) for group in zip(*drawn, strict=True)]

    def _draw(self, position: int, step: int) -> tuple[Tensor, ...]:
        views = self.views(self.store.compact(position), step=step, key=str(self.keys[position]))
        return views if isinstance(views, tuple) else (views,)

    def _decode(self, positions: np.ndarray) -> Decoded:
        images = [self.store.compact(int(position)) for position in positions]
        pixels = torch.from_numpy(np.concatenate([image.reshape(-1) for image in images]))
        return Decoded(pixels, [image.shape for image in images], [str(self.keys[place]) for place in positions])


class _JoinedParts(Dataset[Any]):
    """Gives the groups of two kinds of images that one pass takes together."""

    def __init__(self, first: Dataset[Any], second: Dataset[Any]) -> None:
        self.first = first
        self.second = second

    def __getitem__(self, number: int) -> list[Tensor]:
        return [*self.first[number], *self.second[number]]


def _one_thread(worker: int) -> None:
    """Keep a worker from competing with the model for the cores."""
    del worker
    torch.set_num_threads(1)


def stream_views(
    store: Images,
    views: MakeViews | MakeDeviceViews,
    stream: BatchStream,
    *,
    steps: range,
    workers: int,
    pin_memory: bool = False,
    share: Share | None = None,
    on_device: bool = False,
    beside: Source | None = None,
) -> Iterator[Any]:
    """Return an iterator over what the passes of `steps` take, in order, made by `workers` processes ahead.

    Each item is a list of groups, `(v, n, 3, s, s)` uint8: v views of each of the n images of a pass; with
    `on_device` a `Decoded`, whose views are still to be drawn. A step has as many items as `share` has passes.

    The result does not depend on `workers`. Dropping the iterator ends the processes.

    Args:
        store: Images by position.
        views: Makes the views of an image; not called with `on_device`.
        stream: Says which images a step takes.
        steps: Steps (1-based) to make.
        workers: Processes; 0 makes the views in this one, when asked for.
        pin_memory: Whether batches go to page-locked memory, for a copy to a GPU beside its work.
        share: What this process takes of a batch, all in one pass by default.
        on_device: Whether to leave the views to the device.
        beside: Images that go along: their groups come after the others. Not with `on_device`.
    """
    share = share or Share()
    if workers and multiprocessing.current_process().daemon:
        logger.warning("A daemonic process may not have workers: views are made between the steps.")
        workers = 0
    options: dict[str, Any] = {"prefetch_factor": 4, "worker_init_fn": _one_thread} if workers else {}
    parts: Dataset[Any] = _Parts(Source(store, views, stream), share=share, on_device=on_device)
    if beside is not None:
        parts = _JoinedParts(parts, _Parts(beside, share=share))
    loader: DataLoader[Any] = DataLoader(
        parts,
        batch_size=None,
        sampler=range(steps.start * share.passes, steps.stop * share.passes),
        num_workers=workers,
        pin_memory=pin_memory,
        # Its own generator: the loader must not draw from the global one.
        generator=torch.Generator().manual_seed(stream.seed),
        **options,
    )
    return iter(loader)
