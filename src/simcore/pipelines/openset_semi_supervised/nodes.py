"""Nodes of the pipeline `openset_semi_supervised`."""

import logging
from typing import Any

import pandas as pd

from simcore.backbones import Encoder
from simcore.downstream.judging import Setting
from simcore.downstream.openset_semi_supervised import (
    OpenMatch,
    OpenMatchRecipe,
    OpensetTask,
    Schedule,
    SelfTrainingRecipe,
    judge_openset_method,
)
from simcore.downstream.roc import area_under_roc
from simcore.downstream.webly import match_classes
from simcore.errors import InputError
from simcore.evaluation import headline_metrics
from simcore.evaluation.labels import check_trained
from simcore.evaluation.naming import name_each
from simcore.images import ImageStore
from simcore.parameters import ImageParameters, OpensetSemiSupervisedParameters, RuntimeParameters
from simcore.pipelines.evaluation.labels import classes_of, mark_drawn_test, parts, warn_of_drawn_test
from simcore.pipelines.evaluation.linear import make_sight
from simcore.pipelines.evaluation.loading import identify
from simcore.pipelines.evaluation.nodes import tell
from simcore.pipelines.pretraining.training_sets import is_target, join, without_excluded
from simcore.supervised import draw_share
from simcore.tracking import reporter
from simcore.workspace import work_directory

LOGGER = logging.getLogger(__name__)

EVALUATION = "openset_semi_supervised"
OUTLIER_COLUMNS = ("seed", "protocol", "key", "outlier_score", "named", "inlier", "known")


def join_unlabelled(
    train: pd.DataFrame, labelled: pd.DataFrame, openset_manifest: pd.DataFrame, excluded: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the unlabelled pool: the rest of X and the open-set without what is excluded, under keys of both.

    Raises:
        InputError: Nothing is left.
    """
    allowed = without_excluded(openset_manifest, excluded)["key"]
    pool = join(train[~train["key"].isin(labelled["key"])], openset_manifest, allowed)
    if pool.empty:
        raise InputError(
            f"All {len(train)} images of X have a label and the open-set has no image that is not excluded, so the "
            "pool without labels is empty; give an open-set, or a smaller `openset_semi_supervised.share`."
        )
    return pool


def make_recipe(method: str, parameters: OpensetSemiSupervisedParameters) -> SelfTrainingRecipe | OpenMatchRecipe:
    """Return how a method is trained."""
    own = parameters.self_training if method == "self_training" else parameters.openmatch
    schedule = Schedule(
        batch_size=own.batch_size,
        unlabelled_ratio=own.unlabelled_ratio,
        **parameters.model_dump(include={"epochs", "epoch_steps", "learning_rate", "weight_decay", "precision"}),
    )
    further = own.model_dump(exclude={"batch_size", "unlabelled_ratio"})
    if method == "self_training":
        return SelfTrainingRecipe(schedule, **further)
    shape = {name: further.pop(name) for name in ("fix_after_epochs", "rand_augment")}
    return OpenMatchRecipe(schedule, **shape, options=further)


def known_classes(pool: pd.DataFrame, classes: tuple[str, ...]) -> pd.Series:
    """Return which images of the pool are of a class of X: X's own, and those of the open-set whose label says so.

    It is what outlier scores are judged by, and nothing else.
    """
    return is_target(pool) | match_classes(pool["label"], classes).notna().to_numpy()


def learn_from_openset(
    encoders: dict[int, Encoder],
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    excluded: pd.DataFrame | None,
    images: ImageParameters,
    openset_semi_supervised: OpensetSemiSupervisedParameters,
    runtime: RuntimeParameters,
    arm: str,
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Return the metric records of an arm's encoders after learning from few labels, and what OpenMatch holds for out.

    The same images are drawn for all arms and seeds. An interrupted node goes on where it was.
    """
    parameters = openset_semi_supervised
    classes = classes_of(target_manifest)
    warn_of_drawn_test(target_manifest)
    train, test = parts(target_manifest)
    labelled = draw_share(train, share=parameters.share, seed=parameters.seed, stratified=parameters.stratified)
    check_trained(labelled["label"], test["label"], images=name_each(test))
    pool = join_unlabelled(train, labelled, openset_manifest, excluded)
    known = known_classes(pool, classes)
    store, test_store, pool_store = (ImageStore(part, cache_gib=images.cache_gib) for part in (labelled, test, pool))
    metric = headline_metrics([EVALUATION], sources=test["source"].unique())[EVALUATION]
    LOGGER.info(
        "%s: %d labelled images, %d without labels, %d of them of X.",
        arm,
        len(labelled),
        len(pool),
        is_target(pool).sum(),
    )
    records: list[dict[str, Any]] = []
    tables = []
    for seed, encoder in encoders.items():
        sight = make_sight(encoder, scale=parameters.scale, images=images, runtime=runtime)
        task = OpensetTask(encoder, store, pool_store, classes, sight, parameters.seed)
        for method in parameters.methods:
            for protocol in parameters.protocols:
                setting = Setting(
                    encoder=encoder,
                    classes=classes,
                    sight=sight,
                    protocol=protocol,
                    evaluation=EVALUATION,
                    suffix=f" {method} {100 * parameters.share:g} % of labels",
                    metric=metric,
                    seed=parameters.seed,
                )
                outcomes, outliers = judge_openset_method(
                    task,
                    test_store,
                    make_recipe(method, parameters),
                    setting,
                    workdir=work_directory() / f"seed-{seed}" / method / protocol,
                    make_reporter=lambda training, seed=seed, method=method: reporter(  # type: ignore[misc]
                        arm=arm, seed=seed, prefix=f"{EVALUATION}/{method}/{training}/"
                    ),
                )
                found = [
                    record for outcome in outcomes for record in mark_drawn_test(outcome, target_manifest).records()
                ]
                if outliers is not None:
                    outliers = outliers.assign(seed=seed, protocol=protocol, known=known.to_numpy())
                    tables.append(outliers[list(OUTLIER_COLUMNS)])
                    found += _outlier_records(outliers, protocol=found[0]["protocol"])
                records += [{**identify(encoder, arm=arm, seed=seed), **record, "recipe": method} for record in found]
    tell(records)
    return records, pd.concat(tables, ignore_index=True) if tables else _no_outliers()


def _outlier_records(outliers: pd.DataFrame, *, protocol: str) -> list[dict[str, Any]]:
    """Return how well outlier scores tell images of other classes; nothing where there is one kind of images alone."""
    if outliers["known"].nunique() == 1:
        return []
    value = area_under_roc(outliers["outlier_score"].to_numpy(), ~outliers["known"].to_numpy())
    LOGGER.info("%s: area under the ROC curve of the outlier score %.3f.", OpenMatch.name, value)
    return [
        {
            "evaluation": EVALUATION,
            "metric": "outlier_auroc",
            "protocol": protocol,
            "value": value,
            "n": len(outliers),
        }
    ]


def _no_outliers() -> pd.DataFrame:
    types = {"seed": "int64", "outlier_score": "float32", "inlier": "bool", "known": "bool"}
    return pd.DataFrame({name: pd.Series(dtype=types.get(name, "str")) for name in OUTLIER_COLUMNS})
