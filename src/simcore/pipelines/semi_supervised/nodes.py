"""Nodes of the pipeline `semi_supervised`."""

import logging
from itertools import product
from typing import Any

import pandas as pd

from simcore.backbones import Encoder
from simcore.downstream.semi_supervised import SemiSupervisedRecipe, check_pools, judge_semi_supervised
from simcore.evaluation import headline_metrics
from simcore.images import ImageStore
from simcore.parameters import ImageParameters, RuntimeParameters, SemiSupervisedParameters
from simcore.pipelines.evaluation.labels import classes_of, mark_drawn_test, parts, warn_of_drawn_test
from simcore.pipelines.evaluation.linear import make_sight
from simcore.pipelines.evaluation.loading import identify
from simcore.pipelines.evaluation.nodes import tell
from simcore.supervised import draw_share
from simcore.tracking import reporter
from simcore.workspace import work_directory

LOGGER = logging.getLogger(__name__)


def semi_supervise_arm(
    encoders: dict[int, Encoder],
    target_manifest: pd.DataFrame,
    images: ImageParameters,
    semi_supervised: SemiSupervisedParameters,
    runtime: RuntimeParameters,
    arm: str,
) -> list[dict[str, Any]]:
    """Return the metric records of an arm's encoders, trained on each share of the labels and the rest without.

    The same images are labelled for all arms, seeds and methods. An interrupted node goes on where it was.
    """
    classes = classes_of(target_manifest)
    warn_of_drawn_test(target_manifest)
    train, test = parts(target_manifest)
    drawn = {
        share: draw_share(train, share=share, seed=semi_supervised.seed, stratified=semi_supervised.stratified)
        for share in semi_supervised.shares
    }
    for labelled in drawn.values():  # before any of them is trained on
        left = len(train) - len(labelled)
        check_pools(labelled["label"], classes=classes, unlabelled=left, methods=semi_supervised.methods)
    store, test_store = (ImageStore(part, cache_gib=images.cache_gib) for part in (train, test))
    metric = headline_metrics(["semi_supervised"], sources=test["source"].unique())["semi_supervised"]
    records = []
    for (seed, encoder), (share, labelled), method, protocol in product(
        encoders.items(), drawn.items(), semi_supervised.methods, semi_supervised.protocols
    ):
        name = f"{method} {100 * share:g} % of labels"
        LOGGER.info("%s, seed %d: %s, %d images labelled.", arm, seed, name, len(labelled))
        outcome = judge_semi_supervised(
            encoder,
            store.subset(labelled["key"]),
            store.subset(train["key"][~train["key"].isin(labelled["key"])]),
            test_store,
            classes=classes,
            recipe=_recipe(semi_supervised, method=method),
            protocol=protocol,
            sight=make_sight(encoder, scale=semi_supervised.scale, images=images, runtime=runtime),
            seed=semi_supervised.seed,
            workdir=work_directory() / f"seed-{seed}" / f"share-{share:g}" / method / protocol,
            suffix=f" {name}",
            metric=metric,
            make_reporter=lambda training, seed=seed, share=share, method=method: reporter(  # type: ignore[misc] # in this turn
                arm=arm, seed=seed, prefix=f"semi_supervised/{method}/{share:g}/{training}/"
            ),
        )
        records += [
            {**identify(encoder, arm=arm, seed=seed), **record}
            for record in mark_drawn_test(outcome, target_manifest).records()
        ]
    tell(records)
    return records


def _recipe(semi_supervised: SemiSupervisedParameters, *, method: str) -> SemiSupervisedRecipe:
    shared = ("epochs", "epoch_steps", "batch_size", "unlabelled_ratio", "learning_rate", "weight_decay")
    return SemiSupervisedRecipe(
        method=method,
        **semi_supervised.model_dump(include={*shared, "rand_augment", "precision"}),
        method_settings=semi_supervised.method_settings(method),
    )
