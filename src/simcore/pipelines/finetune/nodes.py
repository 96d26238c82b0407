"""Nodes of the pipeline `finetune`."""

import logging
from typing import Any

import pandas as pd

from simcore.backbones import Encoder
from simcore.evaluation import RECIPES, headline_metrics, shortened, train_and_judge
from simcore.evaluation.labels import check_trained
from simcore.evaluation.naming import name_each
from simcore.images import ImageStore
from simcore.parameters import FinetuneParameters, ImageParameters, RuntimeParameters
from simcore.pipelines.evaluation.labels import classes_of, mark_drawn_test, parts, warn_of_drawn_test
from simcore.pipelines.evaluation.linear import make_sight
from simcore.pipelines.evaluation.loading import identify
from simcore.pipelines.evaluation.nodes import tell
from simcore.supervised import draw_share
from simcore.tracking import reporter
from simcore.workspace import work_directory

LOGGER = logging.getLogger(__name__)


def finetune_arm(
    encoders: dict[int, Encoder],
    target_manifest: pd.DataFrame,
    images: ImageParameters,
    finetune: FinetuneParameters,
    runtime: RuntimeParameters,
    arm: str,
) -> list[dict[str, Any]]:
    """Return the metric records of an arm's encoders, trained along with a classifier on each share of the labels.

    The same images are drawn for all arms and seeds. An interrupted node goes on where it was.
    """
    classes = classes_of(target_manifest)
    warn_of_drawn_test(target_manifest)
    train, test = parts(target_manifest)
    drawn = {
        share: draw_share(train, share=share, seed=finetune.seed, stratified=finetune.stratified)
        for share in finetune.shares
    }
    for labelled in drawn.values():  # before any of them is trained on
        check_trained(labelled["label"], test["label"], images=name_each(test))
    store, test_store = (ImageStore(part, cache_gib=images.cache_gib) for part in (train, test))
    recipe = shortened(RECIPES[finetune.recipe], epochs=finetune.epochs)
    metric = headline_metrics(["finetune"], sources=test["source"].unique())["finetune"]
    workdir = work_directory()
    records = []
    for seed, encoder in encoders.items():
        for share, labelled in drawn.items():
            name = f"{100 * share:g} % of labels"
            LOGGER.info("%s, seed %d: fine-tuning on %s, %d images.", arm, seed, name, len(labelled))
            for protocol in finetune.protocols:
                outcome = train_and_judge(
                    encoder,
                    store.subset(labelled["key"]),
                    test_store,
                    classes=classes,
                    recipe=recipe,
                    protocol=protocol,
                    sight=make_sight(encoder, scale=finetune.scale, images=images, runtime=runtime),
                    evaluation="finetune",
                    seed=finetune.seed,
                    workdir=workdir / f"seed-{seed}" / f"share-{share:g}" / protocol,
                    suffix=f" {name}",
                    metric=metric,
                    make_reporter=lambda training, seed=seed, share=share: reporter(  # type: ignore[misc] # in this turn
                        arm=arm, seed=seed, prefix=f"finetune/{share:g}/{training}/"
                    ),
                )
                records += [
                    {**identify(encoder, arm=arm, seed=seed), **record}
                    for record in mark_drawn_test(outcome, target_manifest).records()
                ]
    tell(records)
    return records
