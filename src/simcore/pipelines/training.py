"""From a recipe to a trained encoder: what the retrieval stage and every arm share."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from torch import nn

from simcore.backbones import Encoder
from simcore.evaluation.online import OnlineKnn
from simcore.images import ImageStore
from simcore.parameters import ImageParameters
from simcore.pipelines.recipe import Recipe
from simcore.training import Beside, Renewal, Reporter, export_encoder, pretrain
from simcore.workspace import work_directory

LOGGER = logging.getLogger(__name__)

Probe = Callable[[nn.Module], Mapping[str, float]]


def train_encoder(
    store: ImageStore,
    *,
    recipe: Recipe,
    seed: int,
    reporter: Reporter,
    description: str,
    probe: Probe | None = None,
    renewal: Callable[[Path], Renewal | None] | None = None,
    beside: ImageStore | None = None,
) -> tuple[Encoder, pd.DataFrame]:
    """Return the encoder pretrained on `store` from the weights of `seed`, and its curves.

    Args:
        store: Images that batches are drawn from.
        recipe: How they are trained on.
        seed: Of weights, batches and views.
        reporter: Receives the curves.
        description: Label of the progress bar.
        probe: Looks at the encoder now and then.
        renewal: Returns from a folder of the run how the images are renewed during it.
        beside: Images of the open-set that go along beside the batches, for a method that has them as negatives.
    """
    training, settings = recipe.training, recipe.settings
    method = recipe.create_method(seed=seed)
    workdir = work_directory() / f"seed-{seed}"
    result = pretrain(
        method,
        store,
        views=recipe.views(method, seed=seed),
        settings=settings,
        seed=seed,
        workdir=workdir,
        reporter=reporter,
        description=description,
        probe=probe if settings.probe_every_steps is not None else None,
        renewal=None if renewal is None else renewal(workdir),
        beside=None
        if beside is None
        else Beside(beside, recipe.beside_views(method, seed=seed), recipe.beside_batch_size),
    )
    data = {"keys": _digest(store)} | ({} if beside is None else {"beside": _digest(beside)})
    encoder = export_encoder(
        method,
        architecture=training.backbone,
        image_size=recipe.image_size,
        settings=settings,
        seed=seed,
        steps=result.steps,
        data=data,
    )
    return encoder, result.curves


def _digest(store: ImageStore) -> str:
    return hashlib.sha256("\n".join(store.keys.tolist()).encode()).hexdigest()


def make_probe(store: ImageStore, *, recipe: Recipe, images: ImageParameters) -> Probe | None:
    """Return the nearest-neighbour probe on the images of X in `store`, None where it is off or X has no labels."""
    if recipe.settings.probe_every_steps is None:
        return None
    labels = store.labels
    if any(label is None for label in labels) or len(set(labels)) < 2:  # noqa: PLR2004
        LOGGER.info("X has no labels for a probe during training; the curves go without `knn_top1`.")
        return None
    return OnlineKnn(
        store,
        image_size=recipe.image_size,
        resize_ratio=images.eval_resize_ratio,
        mean=recipe.settings.mean,
        std=recipe.settings.std,
    )
