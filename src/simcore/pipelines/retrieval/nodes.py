"""Nodes of the stage `retrieval`: the encoder that judges what looks like X."""

from typing import Any

import pandas as pd

from simcore.backbones import Encoder
from simcore.images import ImageStore
from simcore.parameters import ImageParameters, RetrievalParameters, RuntimeParameters
from simcore.pipelines.training import train_encoder
from simcore.tracking import reporter


def train_retrieval_encoder(
    target_manifest: pd.DataFrame,
    image_size: dict[str, Any],
    images: ImageParameters,
    retrieval: RetrievalParameters,
    runtime: RuntimeParameters,
) -> tuple[Encoder, pd.DataFrame]:
    """Return the retrieval encoder, trained on the training part of X, and its curves."""
    train = target_manifest[target_manifest["split"] == "train"]
    return train_encoder(
        ImageStore(train, side=2 * image_size["image_size"], cache_gib=images.cache_gib),
        image_size=image_size,
        training=retrieval,
        runtime=runtime,
        seed=retrieval.seed,
        reporter=reporter(prefix="retrieval/"),
        description="retrieval encoder",
    )
