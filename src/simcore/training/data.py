"""Batches of views for the training loop."""

import logging
import multiprocessing
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from simcore.training.batches import BatchStream

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


class _Steps(Dataset[list[Tensor]]):
    """Maps a step to its views, one tensor `(v, n, 3, s, s)` a group; a worker makes whole batches."""

    def __init__(self, store: Images, views: MakeViews, stream: BatchStream) -> None:
        self.store = store
        self.keys = store.keys
        self.views = views
        self.stream = stream

    def __getitem__(self, step: int) -> list[Tensor]:
        drawn = [self._draw(int(position), step) for position in self.stream.batch(step)]
        return [torch.stack(group, dim=1) for group in zip(*drawn, strict=True)]

    def _draw(self, position: int, step: int) -> tuple[Tensor, ...]:
        views = self.views(self.store.compact(position), step=step, key=str(self.keys[position]))
        return views if isinstance(views, tuple) else (views,)


def _one_thread(worker: int) -> None:
    """Keep a worker from competing with the model for the cores."""
    del worker
    torch.set_num_threads(1)


def stream_views(
    store: Images,
    views: MakeViews,
    stream: BatchStream,
    *,
    steps: range,
    workers: int,
    pin_memory: bool = False,
) -> Iterator[list[Tensor]]:
    """Return an iterator over the views of `steps`, in order, made by `workers` processes ahead of the model.

    Each item is a list of groups, `(v, n, 3, s, s)` uint8: v views of each of the n images of a batch.

    The result does not depend on `workers`. Dropping the iterator ends the processes.

    Args:
        store: Images by position.
        views: Makes the views of a batch.
        stream: Says which images a step takes.
        steps: Steps (1-based) to make.
        workers: Processes; 0 makes the views in this one, when asked for.
        pin_memory: Whether batches go to page-locked memory, for a copy to a GPU beside its work.
    """
    if workers and multiprocessing.current_process().daemon:
        logger.warning("A daemonic process may not have workers: views are made between the steps.")
        workers = 0
    options: dict[str, Any] = {"prefetch_factor": 4, "worker_init_fn": _one_thread} if workers else {}
    loader: DataLoader[list[Tensor]] = DataLoader(
        _Steps(store, views, stream),
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        pin_memory=pin_memory,
        # Its own generator: the loader must not draw from the global one.
        generator=torch.Generator().manual_seed(stream.seed),
        **options,
    )
    return iter(loader)
