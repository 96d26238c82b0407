"""Repeated sampling: the coreset selected anew with the encoder in training."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from simcore.backbones import Encoder
from simcore.embeddings import Embeddings
from simcore.images import ImageStore
from simcore.methods import Method
from simcore.parameters import (
    ClusteringParameters,
    EmbeddingParameters,
    ImageParameters,
    SelectionParameters,
)
from simcore.pipelines.embedding.nodes import embed_into
from simcore.pipelines.pretraining.training_sets import join, openset_keys
from simcore.pipelines.recipe import Recipe
from simcore.selection import fit_clustering, select_coreset
from simcore.training import Renewal, export_encoder
from simcore.training.epochs import reselection_epochs

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reselection:
    """Selects as many images as the first coreset has, by the encoder as it is; replaces, does not extend.

    X and the open-set are embedded, X is clustered and the coreset peeled as in the stages before the training, but
    to a fixed size: no threshold. Picklable, since one of several training processes calls it. Source: SimCore
    paper, supplement F.2.

    Attributes:
        target_manifest: The target.
        openset_manifest: The open-set.
        recipe: Of the training.
        images: Parameters of the images.
        embedding: Parameters of the extraction.
        clustering: Parameters of the centroids.
        selection: Parameters of the selection; its threshold and budget do not count.
        folder: Where embeddings lie while they are needed.
        seed: Of the training.
    """

    target_manifest: pd.DataFrame
    openset_manifest: pd.DataFrame
    recipe: Recipe
    images: ImageParameters
    embedding: EmbeddingParameters
    clustering: ClusteringParameters
    selection: SelectionParameters
    folder: Path
    seed: int

    def renew(self, method: Method, number: int) -> ImageStore:
        """Return X and the coreset that the method's encoder selects."""
        encoder = export_encoder(
            method,
            architecture=self.recipe.training.backbone,
            image_size=self.recipe.image_size,
            settings=self.recipe.settings,
            seed=self.seed,
            steps=0,
            data={},
        )
        # By the encoder's fingerprint: what a killed run embedded is used again only if the weights are the same.
        folder = self.folder / f"reselection-{number}-{encoder.fingerprint[:12]}"
        target = self._embed(encoder, self.target_manifest, folder / "target")
        openset = self._embed(encoder, self.openset_manifest, folder / "openset")
        clusters = fit_clustering(target, **self.clustering.model_dump())
        picked = select_coreset(
            clusters.centroids,
            openset,
            budget=self.recipe.n_selected,
            n_target=self.recipe.n_target,
            truncate=self.selection.truncate or "similarity",
            seed=self.selection.seed,
        )
        keys = picked.coreset_frame()["key"].tolist()
        shutil.rmtree(folder)
        return self._store(keys)

    def restore(self, keys: Sequence[str]) -> ImageStore:
        """Return the images of a training set with these keys."""
        return self._store(openset_keys(keys))

    def _store(self, picked: Sequence[str]) -> ImageStore:
        training_set = join(self.target_manifest, self.openset_manifest, picked)
        return ImageStore(training_set, side=2 * self.recipe.image_size, cache_gib=self.images.cache_gib)

    def _embed(self, encoder: Encoder, manifest: pd.DataFrame, folder: Path) -> Embeddings:
        return embed_into(
            folder,
            encoder=encoder,
            manifest=manifest,
            image_size=self.recipe.image_size,
            images=self.images,
            embedding=self.embedding,
            runtime=self.recipe.runtime,
        )


def plan_reselections(folder: Path, *, reselections: int, recipe: Recipe, **facts: Any) -> Renewal:
    """Return when and how a run's coreset is selected anew: `reselections` times, evenly over its epochs.

    Args:
        folder: Of the run.
        reselections: Selections after the one before the run.
        recipe: Of the training.
        facts: The other attributes of `Reselection`.
    """
    settings = recipe.settings
    steps_per_epoch = settings.steps_per_epoch(recipe.n_images)
    epochs = settings.resolved_steps(recipe.n_images) // steps_per_epoch
    after = reselection_epochs(epochs, selections=reselections + 1)
    LOGGER.info("The coreset is selected anew after epochs %s of %d.", ", ".join(map(str, after)), epochs)
    reselection = Reselection(recipe=recipe, folder=folder, **facts)
    return Renewal(
        steps=tuple(epoch * steps_per_epoch for epoch in after), renew=reselection.renew, restore=reselection.restore
    )
