"""Nodes of the stage `embedding`: images to shards of embeddings."""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from simcore.backbones import Encoder
from simcore.cluster import Cluster
from simcore.cluster.embedding import embed_on_cluster
from simcore.devices import choose_device
from simcore.embeddings import Embeddings
from simcore.embeddings.extraction import extract
from simcore.images import ImageStore
from simcore.parameters import EmbeddingParameters, ImageParameters, RuntimeParameters
from simcore.workspace import work_directory


def embed(
    encoder: Encoder,
    manifest: pd.DataFrame,
    image_size: dict[str, Any],
    images: ImageParameters,
    embedding: EmbeddingParameters,
    runtime: RuntimeParameters,
) -> Embeddings:
    """Return the embeddings of the manifest's training images; an interrupted extraction goes on where it was."""
    place = partial(embed_on_ray if runtime.engine == "ray" else embed_into, work_directory() / "shards")
    return place(
        encoder=encoder,
        manifest=manifest,
        image_size=image_size["image_size"],
        images=images,
        embedding=embedding,
        runtime=runtime,
        show_progress=True,
    )


def embed_into(
    folder: Path,
    *,
    encoder: Encoder,
    manifest: pd.DataFrame,
    image_size: int,
    images: ImageParameters,
    embedding: EmbeddingParameters,
    runtime: RuntimeParameters,
    show_progress: bool = False,
) -> Embeddings:
    """Return the embeddings of the manifest's training images, their shards in `folder`."""
    train = manifest[manifest["split"] == "train"]
    return extract(
        encoder,
        ImageStore(train, cache_gib=images.cache_gib),
        folder,
        **_settings(train, image_size=image_size, images=images, embedding=embedding),
        device=choose_device(runtime.device),
        show_progress=show_progress,
    )


def embed_on_ray(
    folder: Path,
    *,
    encoder: Encoder,
    manifest: pd.DataFrame,
    image_size: int,
    images: ImageParameters,
    embedding: EmbeddingParameters,
    runtime: RuntimeParameters,
    show_progress: bool = False,
) -> Embeddings:
    """Return `embed_into`, made by the workers of a cluster."""
    train = manifest[manifest["split"] == "train"]
    return embed_on_cluster(
        encoder,
        train,
        folder,
        cluster=Cluster(**runtime.ray.model_dump()),
        **_settings(train, image_size=image_size, images=images, embedding=embedding),
        device=runtime.device,
        cache_gib=images.cache_gib,
        show_progress=show_progress,
    )


def _settings(
    train: pd.DataFrame, *, image_size: int, images: ImageParameters, embedding: EmbeddingParameters
) -> dict[str, Any]:
    """Return what an extraction takes, here or on a cluster."""
    return {
        "image_size": image_size,
        "resize_ratio": images.eval_resize_ratio,
        "batch_size": embedding.batch_size,
        "rows_per_shard": embedding.rows_per_shard,
        "source": "+".join(sorted(train["source"].unique())),
    }
