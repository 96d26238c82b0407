"""From images to embeddings on disk."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch

from simcore.backbones import Encoder
from simcore.backbones.encoder import library_versions
from simcore.embeddings.shards import Embeddings, EmbeddingWriter, open_embeddings
from simcore.errors import InputError
from simcore.images import ImageStore, eval_pixels
from simcore.progress import progress


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
    show_progress: bool = True,
) -> Embeddings:
    """Return the embeddings of all images of `store`, written as float16 shards into `directory`.

    The shorter side is resized to `image_size * resize_ratio`, the centre cropped and encoded in evaluation
    mode. Memory holds one batch and one shard. An interrupted run goes on at the first missing shard and
    leaves the same bytes: batches begin anew with each shard, so a row does not depend on where the run was
    stopped.

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
        show_progress: Whether a bar is shown.

    Raises:
        InputError: If the store is empty; if `directory` holds embeddings of another encoder, other images or
            another shard size; if a feature is NaN, infinite or beyond float16 (the message names the image).
    """
    if len(store) == 0:
        raise InputError("There are no images to embed; give a manifest with at least one row.")
    if batch_size < 1:
        raise InputError(f"`batch_size` is {batch_size}; it must be at least 1.")
    encoder.module.to(device)
    metadata = extraction_metadata(encoder, store, image_size=image_size, resize_ratio=resize_ratio)
    if source is not None:
        metadata["source"] = source
    with EmbeddingWriter(directory, dim=encoder.dim, metadata=metadata, rows_per_shard=rows_per_shard) as writer:
        done = min(writer.rows_done, len(store))
        bar = progress((), description="embed", total=len(store), unit="image")
        bar.disable = not show_progress
        with closing(bar):
            bar.update(done)
            for rows in _batches(done, len(store), batch_size=batch_size, rows_per_shard=rows_per_shard):
                pixels = eval_pixels(store, image_size=image_size, resize_ratio=resize_ratio, rows=rows)
                writer.write(store.keys[rows], encoder.encode(pixels))
                bar.update(len(rows))
    return open_embeddings(directory)


def extraction_metadata(encoder: Encoder, store: ImageStore, *, image_size: int, resize_ratio: float) -> dict[str, Any]:
    """Return the facts that decide the embeddings: encoder, images, transform, versions."""
    return {
        "encoder": encoder.fingerprint,
        "architecture": encoder.card.architecture,
        "method": encoder.card.method,
        "images": hashlib.sha256("\n".join(map(str, store.keys)).encode()).hexdigest(),
        "transform": {"image_size": image_size, "resize_ratio": resize_ratio},
        "versions": library_versions(),
    }


def _batches(start: int, stop: int, *, batch_size: int, rows_per_shard: int) -> Iterator[np.ndarray]:
    """Yield the rows of batches from `start`, a shard's first row, to `stop`; none crosses a shard's end."""
    for shard in range(start, stop, rows_per_shard):
        end = min(shard + rows_per_shard, stop)
        for first in range(shard, end, batch_size):
            yield np.arange(first, min(first + batch_size, end))
