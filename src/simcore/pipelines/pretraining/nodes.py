"""Nodes of the stage `pretraining`: one arm's training set, and its encoders, one a seed."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from simcore.backbones import Encoder
from simcore.errors import InputError
from simcore.images import ImageStore
from simcore.parameters import (
    ClusteringParameters,
    EmbeddingParameters,
    ImageParameters,
    PretrainingParameters,
    RuntimeParameters,
    SelectionParameters,
)
from simcore.pipelines.pretraining.reselection import plan_reselections
from simcore.pipelines.pretraining.training_sets import check_given, is_target, join, target_part
from simcore.pipelines.recipe import Recipe
from simcore.pipelines.training import make_probe, train_encoder
from simcore.reuse.reading import reads_only_if
from simcore.tracking import reporter
from simcore.training import Renewal

Trained = tuple[dict[int, Encoder], pd.DataFrame]


def take_target(target_manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the training set of the arm X: the target's training images."""
    return target_part(target_manifest)


def join_coreset(target_manifest: pd.DataFrame, openset_manifest: pd.DataFrame, coreset: pd.DataFrame) -> pd.DataFrame:
    """Return the training set of an arm X + coreset."""
    return join(target_manifest, openset_manifest, coreset["key"])


def plan_arm(
    training_set: pd.DataFrame,
    *,
    image_size: dict[str, Any],
    pretraining: PretrainingParameters,
    runtime: RuntimeParameters,
    matched_steps: int | None = None,
) -> Recipe:
    """Return the recipe of an arm with that training set."""
    n_target = int(is_target(training_set).sum())
    n_selected = len(training_set) - n_target
    return Recipe(
        training=pretraining,
        runtime=runtime,
        purpose="coreset" if n_selected else "target",
        image_size=image_size["image_size"],
        grey=image_size["grey"],
        n_target=n_target,
        n_selected=n_selected,
        matched_steps=matched_steps,
    )


def _pretrain(
    training_set: pd.DataFrame,
    *,
    recipe: Recipe,
    images: ImageParameters,
    pretraining: PretrainingParameters,
    arm: str,
    renewal: Callable[..., Renewal] | None = None,
) -> Trained:
    """Return the arm's encoders by seed and their curves."""
    store = ImageStore(training_set, side=2 * recipe.image_size, cache_gib=images.cache_gib)
    target = store.subset(training_set.loc[is_target(training_set), "key"])
    recipe.log()
    probe = make_probe(target, recipe=recipe, images=images)
    encoders, curves = {}, []
    for seed in pretraining.seeds:
        encoders[seed], curve = train_encoder(
            store,
            recipe=recipe,
            seed=seed,
            reporter=reporter(arm=arm, seed=seed),
            description=f"pretrain {arm}, seed {seed}",
            probe=probe,
            renewal=None if renewal is None else partial(renewal, seed=seed),
        )
        curves.append(curve.assign(arm=arm, seed=seed))
    return encoders, pd.concat(curves, ignore_index=True)


def pretrain_arm(
    training_set: pd.DataFrame,
    image_size: dict[str, Any],
    images: ImageParameters,
    pretraining: PretrainingParameters,
    runtime: RuntimeParameters,
    arm: str,
) -> Trained:
    """Return the encoders of an arm X + open-set images by seed, and their curves."""
    recipe = plan_arm(training_set, image_size=image_size, pretraining=pretraining, runtime=runtime)
    return _pretrain(training_set, recipe=recipe, images=images, pretraining=pretraining, arm=arm)


@reads_only_if("coreset_simcore", parameter="params:pretraining", field="match_iterations")
def pretrain_target(
    training_set: pd.DataFrame,
    image_size: dict[str, Any],
    images: ImageParameters,
    pretraining: PretrainingParameters,
    runtime: RuntimeParameters,
    coreset: pd.DataFrame,
    arm: str,
) -> Trained:
    """Return the encoders of the arm X by seed, and their curves.

    With `pretraining.match_iterations` it trains for as many steps as the arm with the coreset; else the coreset does
    not count.
    """
    settle = partial(plan_arm, image_size=image_size, pretraining=pretraining, runtime=runtime)
    recipe = settle(training_set)
    if pretraining.match_iterations:
        longer = replace(recipe, purpose="coreset", n_selected=len(coreset))
        recipe = settle(training_set, matched_steps=longer.settings.resolved_steps(longer.n_images))
    return _pretrain(training_set, recipe=recipe, images=images, pretraining=pretraining, arm=arm)


@reads_only_if("excluded", parameter="params:pretraining", field="reselections")
def pretrain_coreset(
    training_set: pd.DataFrame,
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    excluded: pd.DataFrame | None,
    image_size: dict[str, Any],
    images: ImageParameters,
    embedding: EmbeddingParameters,
    clustering: ClusteringParameters,
    selection: SelectionParameters,
    pretraining: PretrainingParameters,
    runtime: RuntimeParameters,
    arm: str,
) -> Trained:
    """Return the encoders of the arm X + coreset by seed, and their curves.

    With `pretraining.reselections` the coreset is selected anew that many times during the training, again without what
    is excluded. With `pretraining.coreset` it is that list, which the catalog gives in place of a selected one.
    """
    if pretraining.coreset is not None:
        check_given(training_set, openset_manifest, pretraining.coreset)
    recipe = plan_arm(training_set, image_size=image_size, pretraining=pretraining, runtime=runtime)

    def renewal(folder: Path, *, seed: int) -> Renewal:
        if excluded is None:
            raise InputError("`pretraining.reselections` needs the stage `selection`, which says what is excluded.")
        allowed = openset_manifest[~openset_manifest["key"].isin(excluded["key"])].reset_index(drop=True)
        return plan_reselections(
            folder,
            reselections=pretraining.reselections,
            recipe=recipe,
            target_manifest=target_manifest,
            openset_manifest=allowed,
            images=images,
            embedding=embedding,
            clustering=clustering,
            selection=selection,
            seed=seed,
        )

    return _pretrain(
        training_set,
        recipe=recipe,
        images=images,
        pretraining=pretraining,
        arm=arm,
        renewal=renewal if pretraining.reselections else None,
    )
