"""Nodes of the stage `retrieval`: the encoder that judges what looks like X."""

import logging
from typing import Any

import pandas as pd

from simcore.backbones import Encoder
from simcore.images import ImageStore
from simcore.parameters import ImageParameters, RetrievalParameters, RuntimeParameters
from simcore.pipelines.given import load_given
from simcore.pipelines.recipe import Recipe
from simcore.pipelines.training import make_probe, train_encoder
from simcore.tracking import reporter

LOGGER = logging.getLogger(__name__)

NO_CURVES = ("step", "loss", "learning_rate", "feature_spread")


def train_retrieval_encoder(
    target_manifest: pd.DataFrame,
    image_size: dict[str, Any],
    images: ImageParameters,
    retrieval: RetrievalParameters,
    runtime: RuntimeParameters,
    variant: str | None = None,
) -> tuple[Encoder, pd.DataFrame]:
    """Return the retrieval encoder, trained on the training part of X or given, and its curves (none if given)."""
    side = image_size["image_size"]
    if retrieval.encoder is not None:
        encoder = load_given(retrieval.encoder, of_files=retrieval.backbone, image_size=side)
        LOGGER.info(
            "The retrieval encoder is %s (%s): nothing is trained for it, its curves are empty.",
            retrieval.encoder,
            encoder.card.architecture,
        )
        return encoder, pd.DataFrame(columns=list(NO_CURVES), dtype="float64")
    train = target_manifest[target_manifest["split"] == "train"]
    store = ImageStore(train, side=2 * side, cache_gib=images.cache_gib)
    recipe = Recipe(
        training=retrieval,
        runtime=runtime,
        purpose="retrieval",
        image_size=side,
        grey=image_size["grey"],
        n_target=len(store),
    )
    recipe.log()
    return train_encoder(
        store,
        recipe=recipe,
        seed=retrieval.seed,
        reporter=reporter(prefix="retrieval/" if variant is None else f"retrieval/{variant}/"),
        description="retrieval encoder" if variant is None else f"retrieval encoder, {variant}",
        probe=make_probe(store, recipe=recipe, images=images),
    )
