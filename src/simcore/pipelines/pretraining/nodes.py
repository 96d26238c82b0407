"""Nodes of the stage `pretraining`: one arm's training set, and its encoders, one a seed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from simcore.backbones import Encoder
from simcore.errors import InputError
from simcore.images import ImageStore
from simcore.parameters import (
    ArmParameters,
    ClusteringParameters,
    ComparisonParameters,
    EmbeddingParameters,
    ImageParameters,
    PretrainingParameters,
    RuntimeParameters,
    SelectionParameters,
)
from simcore.pipelines.arm_settings import adapt_clustering
from simcore.pipelines.arms import SELECTED
from simcore.pipelines.pretraining.reselection import plan_reselections
from simcore.pipelines.pretraining.same_training import adopt_training, describe_training
from simcore.pipelines.pretraining.training_sets import check_given, is_target, join, target_part, without_excluded
from simcore.pipelines.recipe import Recipe
from simcore.pipelines.training import make_probe, train_encoder
from simcore.reuse.taking_over import find_same
from simcore.tracking import reporter
from simcore.training import Renewal
from simcore.training.epochs import Purpose

Encoders = dict[int, Encoder]
Trained = tuple[Encoders, pd.DataFrame]

PURPOSES: dict[str, Purpose] = {
    "none": "target",
    "all": "openset",
    "random": "coreset",
    "coreset": "coreset",
    "labels": "coreset",
}
"""What the paper's rules call a training, by the part of the open-set that an arm takes."""


def take_target(target_manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the training set of an arm without the open-set: the target's training images."""
    return target_part(target_manifest)


def join_openset(
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    excluded: pd.DataFrame | None,
    settings: ArmParameters,
) -> pd.DataFrame:
    """Return the training set of an arm with all of the open-set but what is excluded."""
    if excluded is None:
        raise InputError("An arm with all of the open-set needs the stage `selection`, which says what is excluded.")
    allowed = without_excluded(openset_manifest, excluded)["key"]
    return _join(target_manifest, openset_manifest, allowed, settings)


def join_coreset(
    target_manifest: pd.DataFrame, openset_manifest: pd.DataFrame, coreset: pd.DataFrame, settings: ArmParameters
) -> pd.DataFrame:
    """Return the training set of an arm with a part of the open-set."""
    return _join(target_manifest, openset_manifest, coreset["key"], settings)


def _join(
    target_manifest: pd.DataFrame, openset_manifest: pd.DataFrame, keys: pd.Series, settings: ArmParameters
) -> pd.DataFrame:
    joined = join(target_manifest, openset_manifest, keys)
    return joined if settings.target else joined[~is_target(joined)].reset_index(drop=True)


def plan_arm(
    training_set: pd.DataFrame,
    target_manifest: pd.DataFrame,
    *,
    image_size: dict[str, Any],
    pretraining: PretrainingParameters,
    runtime: RuntimeParameters,
    settings: ArmParameters,
    matched: pd.DataFrame | None = None,
) -> Recipe:
    """Return the recipe of an arm with that training set.

    Args:
        training_set: Its images.
        target_manifest: The target; no arm takes larger batches than fit X.
        image_size: Side of the images.
        pretraining: Parameters of the training.
        runtime: Parameters of the machine.
        settings: Parameters of the arm.
        matched: The coreset of the arm of which it takes the steps.
    """
    n_target = int(is_target(training_set).sum())
    n_x = len(target_part(target_manifest))
    recipe = Recipe(
        training=pretraining,
        runtime=runtime,
        purpose=PURPOSES[settings.openset],
        image_size=image_size["image_size"],
        grey=image_size["grey"],
        n_target=n_target,
        n_selected=len(training_set) - n_target,
        n_shared=n_x,
        two_stage=settings.starts_from is not None,
    )
    if matched is None:
        return recipe
    other = replace(recipe, purpose="coreset", n_target=n_x, n_selected=len(matched))
    return replace(recipe, matched_steps=other.mixed_steps)


def _pretrain(
    training_set: pd.DataFrame,
    *,
    recipe: Recipe,
    images: ImageParameters,
    seeds: Sequence[int],
    arm: str,
    start: Encoders | None = None,
    renewal: Callable[..., Renewal] | None = None,
) -> Trained:
    """Return the arm's encoders by seed and their curves; with `start` from the weights of those encoders.

    An arm that comes to a training that another one had already takes over its encoders.
    """
    recipe.check_arm(arm)
    same = None
    if renewal is None:  # what would be selected anew is not known yet
        same = describe_training(training_set, recipe=recipe, images=images, seeds=seeds, start=start)
    found = None if same is None else find_same(same)
    if found is not None:
        return adopt_training(found, arm=arm)
    store = ImageStore(training_set, side=2 * recipe.image_size, cache_gib=images.cache_gib)
    of_target = is_target(training_set)
    target = store.subset(training_set.loc[of_target, "key"])
    beside = store.subset(training_set.loc[~of_target, "key"]) if recipe.n_beside else None
    recipe.log()
    # Without X there is nothing labelled to look at.
    probe = make_probe(target, recipe=recipe, images=images) if len(target) else None
    encoders, curves = {}, []
    for seed in seeds:
        encoders[seed], curve = train_encoder(
            store if beside is None else target,
            beside=beside,
            recipe=recipe if start is None else replace(recipe, start=start[seed]),
            seed=seed,
            reporter=reporter(arm=arm, seed=seed),
            description=f"pretrain {arm}, seed {seed}",
            probe=probe,
            renewal=None if renewal is None else partial(renewal, seed=seed),
        )
        curves.append(curve.assign(arm=arm, seed=seed))
    return encoders, pd.concat(curves, ignore_index=True)


def _matched(
    coreset: pd.DataFrame | None,
    pretraining: PretrainingParameters,
    comparison: ComparisonParameters,
    settings: ArmParameters,
) -> pd.DataFrame | None:
    """Return the coreset, if the arm takes the steps of the one that trains on it."""
    equal = comparison.fairness == "equal_compute" and pretraining.optimisation.steps is None
    return coreset if equal or settings.steps_of is not None else None


def pretrain_arm(
    training_set: pd.DataFrame,
    target_manifest: pd.DataFrame,
    image_size: dict[str, Any],
    images: ImageParameters,
    pretraining: PretrainingParameters,
    comparison: ComparisonParameters,
    runtime: RuntimeParameters,
    settings: ArmParameters,
    matched: pd.DataFrame | None,
    arm: str,
    start: Encoders | None = None,
) -> Trained:
    """Return the encoders of an arm by seed, and their curves."""
    recipe = plan_arm(
        training_set,
        target_manifest,
        image_size=image_size,
        pretraining=pretraining,
        runtime=runtime,
        settings=settings,
        matched=_matched(matched, pretraining, comparison, settings),
    )
    return _pretrain(training_set, recipe=recipe, images=images, seeds=comparison.seeds, arm=arm, start=start)


def pretrain_coreset(
    training_set: pd.DataFrame,
    target_manifest: pd.DataFrame,
    image_size: dict[str, Any],
    images: ImageParameters,
    pretraining: PretrainingParameters,
    comparison: ComparisonParameters,
    runtime: RuntimeParameters,
    settings: ArmParameters,
    matched: pd.DataFrame | None,
    openset_manifest: pd.DataFrame,
    excluded: pd.DataFrame | None,
    embedding: EmbeddingParameters,
    clustering: ClusteringParameters,
    selection: SelectionParameters,
    arm: str,
    start: Encoders | None = None,
) -> Trained:
    """Return the encoders of an arm with a coreset by seed, and their curves.

    With `reselections` the coreset is selected anew that many times during the training, again without what is
    excluded. With `pretraining.coreset` the arm `simcore` has that list, which the catalog gives in place of a selected
    one.
    """
    if pretraining.coreset is not None and arm == SELECTED:
        check_given(training_set, openset_manifest, pretraining.coreset)
    recipe = plan_arm(
        training_set,
        target_manifest,
        image_size=image_size,
        pretraining=pretraining,
        runtime=runtime,
        settings=settings,
        matched=_matched(matched, pretraining, comparison, settings),
    )
    reselections = settings.reselections or pretraining.reselections
    if reselections and recipe.n_beside:
        raise InputError(
            f"The arm `{arm}` selects its coreset anew, but {pretraining.method} does not train on it; choose another "
            "arm or method."
        )

    def renewal(folder: Path, *, seed: int) -> Renewal:
        if excluded is None:
            raise InputError("Selecting anew needs the stage `selection`, which says what is excluded.")
        allowed = without_excluded(openset_manifest, excluded).reset_index(drop=True)
        return plan_reselections(
            folder,
            reselections=reselections,
            recipe=recipe,
            target_manifest=target_manifest,
            openset_manifest=allowed,
            images=images,
            embedding=embedding,
            clustering=adapt_clustering(clustering, settings, n_target=recipe.n_target),
            selection=selection,
            seed=seed,
        )

    return _pretrain(
        training_set,
        recipe=recipe,
        images=images,
        seeds=comparison.seeds,
        arm=arm,
        start=start,
        renewal=renewal if reselections else None,
    )
