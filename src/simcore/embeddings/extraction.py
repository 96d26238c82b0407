"""From images to embeddings on disk."""

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from simcore.backbones import Encoder
from simcore.backbones.encoder import library_versions
from simcore.embeddings.reader import Embeddings, open_embeddings
from simcore.embeddings.shards import to_half, write_shard
from simcore.embeddings.writer import EmbeddingWriter
from simcore.errors import InputError
from simcore.images import ImageStore, eval_batches
from simcore.progress import progress

_UNWRITTEN = 2
"""Batches that may wait for the writer: it falls behind while a shard goes to the disk."""


def extract(
    encoder: Encoder,
    store: ImageStore,
    directory: str | Path,
    *,
    image_size: int,
    resize_ratio: float = 1.0,
    batch_size: int = 256,
    rows_per_shard: int = 65_536,
    device: str | torch.device = "cpu",
    source: str | None = None,
    workers: int | None = None,
    show_progress: bool = True,
) -> Embeddings:
    """Return the embeddings of all images of `store`, written as float16 shards into `directory`.

    The shorter side is resized to `image_size * resize_ratio`, the centre cropped and encoded in evaluation mode. One
    thread writes meanwhile, and while a GPU encodes, others decode the next batches. Memory holds a few batches and
    one or two shards, however many images there are. An interrupted run goes on at the first missing shard and leaves
    the same bytes: batches begin anew with each shard, so a row does not depend on where the run was stopped.

    Args:
        encoder: Maps uint8 images to features; its module is moved to `device`.
        store: Images by position, in key order.
        directory: Where the shards go.
        image_size: Side of the square input, in pixels.
        resize_ratio: How much larger than the crop the image is; 256 / 224 in the paper.
        batch_size: Images encoded at once.
        rows_per_shard: Rows of a shard.
        device: Where the encoder runs.
        source: Name of the pool the images come from, kept with the embeddings.
        workers: Decoding threads; None takes every usable core.
        show_progress: Whether a bar is shown.

    Raises:
        InputError: If the store is empty; if `directory` holds embeddings of another encoder, other images or
            another shard size; if a feature is NaN, infinite or beyond float16 (the message names the image).
    """
    if len(store) == 0:
        raise InputError("There are no images to embed; give a manifest with at least one row.")
    check_batch_size(batch_size)
    device = torch.device(device)
    encoder.module.to(device)
    metadata = extraction_metadata(encoder, store.keys, image_size=image_size, resize_ratio=resize_ratio, source=source)
    with EmbeddingWriter(directory, dim=encoder.dim, metadata=metadata, rows_per_shard=rows_per_shard) as writer:
        done = min(writer.rows_done, len(store))
        encoded = _encode(
            encoder,
            store,
            partial(_batches, done, len(store), batch_size=batch_size, rows_per_shard=rows_per_shard),
            image_size=image_size,
            resize_ratio=resize_ratio,
            device=device,
            workers=workers,
        )
        bar = progress((), description="embed", total=len(store), unit="image", shown=show_progress)
        with closing(bar), closing(encoded), ThreadPoolExecutor(1) as thread:
            bar.update(done)
            waiting: deque[Future[None]] = deque()
            for (start, stop), features in encoded:
                before = waiting[-1] if waiting else None
                waiting.append(thread.submit(_write, writer, store.keys[start:stop], features, before=before))
                if len(waiting) > _UNWRITTEN:
                    waiting.popleft().result()
                bar.update(stop - start)
            for written in waiting:
                written.result()
    return open_embeddings(directory)


def embed_shard(
    encoder: Encoder,
    store: ImageStore,
    path: Path,
    *,
    schema: pa.Schema,
    image_size: int,
    resize_ratio: float,
    batch_size: int,
    rows_per_shard: int,
    device: torch.device,
    workers: int | None = None,
) -> None:
    """Write one shard by itself: the bytes that `extract` gives it.

    Memory holds the rows of the shard and a few batches of images.

    Args:
        encoder: Its module is on `device`.
        store: The images of this shard alone, in key order.
        path: Where the shard goes.
        schema: That of the extraction, see `simcore.embeddings.shards.embedding_schema`.
        image_size: As for `extract`, and so are all that follow.
        resize_ratio: See `image_size`.
        batch_size: See `image_size`.
        rows_per_shard: See `image_size`.
        device: See `image_size`.
        workers: See `image_size`.

    Raises:
        InputError: As `extract`, for images and features.
    """
    keys = pa.array([str(key) for key in store.keys], type=pa.string())
    rows = np.empty((len(store), encoder.dim), dtype=np.float16)
    bounds = partial(_batches, 0, len(store), batch_size=batch_size, rows_per_shard=rows_per_shard)
    encoded = _encode(
        encoder, store, bounds, image_size=image_size, resize_ratio=resize_ratio, device=device, workers=workers
    )
    with closing(encoded):
        for (start, stop), features in encoded:
            rows[start:stop] = to_half(keys[start:stop], features, dim=encoder.dim)
    write_shard(path, keys, rows, schema=schema, rows_per_shard=rows_per_shard)


def check_batch_size(batch_size: int) -> None:
    """Refuse a batch without images."""
    if batch_size < 1:
        raise InputError(f"`batch_size` is {batch_size}; it must be at least 1.")


def _encode(
    encoder: Encoder,
    store: ImageStore,
    bounds: Callable[[], Iterable[tuple[int, int]]],
    *,
    image_size: int,
    resize_ratio: float,
    device: torch.device,
    workers: int | None,
) -> Generator[tuple[tuple[int, int], torch.Tensor], None, None]:
    """Yield bounds and features of batches of `store`, on the device; the next images are decoded meanwhile."""
    batches = eval_batches(
        store,
        (np.arange(start, stop) for start, stop in bounds()),
        image_size=image_size,
        resize_ratio=resize_ratio,
        workers=workers,
        # On a CPU, decoding ahead would only take the network's cores from it: there it is done in turn.
        ahead=0 if device.type == "cpu" else 2,
        pin_memory=device.type == "cuda",
    )
    with closing(batches):
        for bound, pixels in zip(bounds(), batches, strict=True):
            yield bound, encoder.encode(pixels.to(device, non_blocking=True))


def _write(writer: EmbeddingWriter, keys: np.ndarray, features: torch.Tensor, *, before: Future[None] | None) -> None:
    """Write a batch after the one before it; copying features from a GPU waits here for them, not where they are made.

    What kept the batch before from being written is raised again: a shard must not close over the gap.
    """
    if before is not None:
        before.result()
    writer.write(keys, features)


def extraction_metadata(
    encoder: Encoder, keys: Sequence[str] | np.ndarray, *, image_size: int, resize_ratio: float, source: str | None
) -> dict[str, Any]:
    """Return the facts that decide the embeddings: encoder, images, transform, versions; and the images' pool."""
    metadata = {
        "encoder": encoder.fingerprint,
        "architecture": encoder.card.architecture,
        "method": encoder.card.method,
        "images": hashlib.sha256("\n".join(map(str, keys)).encode()).hexdigest(),
        "transform": {"image_size": image_size, "resize_ratio": resize_ratio},
        "versions": library_versions(),
    }
    return metadata if source is None else metadata | {"source": source}


def _batches(start: int, stop: int, *, batch_size: int, rows_per_shard: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of batches from `start`, a shard's first row, to `stop`; none crosses a shard's end."""
    for shard in range(start, stop, rows_per_shard):
        end = min(shard + rows_per_shard, stop)
        for first in range(shard, end, batch_size):
            yield first, min(first + batch_size, end)
