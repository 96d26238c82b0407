"""Nodes of the stage `ingestion`: from folders to manifests."""

from dataclasses import asdict
from typing import Any

import pandas as pd

from simcore.backbones import create_backbone
from simcore.images import ImageStore, choose_image_size, read_source
from simcore.parameters import (
    ImageParameters,
    OpensetParameters,
    PretrainingParameters,
    RetrievalParameters,
    TargetParameters,
)
from simcore.pipelines.arms import ARMS


def ingest_target(target: TargetParameters) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the target's manifest and its rejected images."""
    ingested = read_source(
        target.source,
        role="target",
        labels=target.labels,
        test_fraction=target.test_fraction,
        seed=target.split_seed,
        max_rejected=target.max_rejected,
        verify=target.verify,
        workers=target.verify_workers,
        show_progress=True,
    )
    return ingested.manifest, ingested.rejected


def ingest_openset(openset: OpensetParameters) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the open-set's manifest and its rejected images."""
    ingested = read_source(
        openset.source,
        role="openset",
        max_rejected=openset.max_rejected,
        verify=openset.verify,
        workers=openset.verify_workers,
        show_progress=True,
    )
    return ingested.manifest, ingested.rejected


def decide_image_size(
    target_manifest: pd.DataFrame,
    images: ImageParameters,
    retrieval: RetrievalParameters,
    pretraining: PretrainingParameters,
) -> dict[str, Any]:
    """Return the side at which all images are used, and why; and whether X is all grey, which decides the views."""
    train = target_manifest[target_manifest["split"] == "train"].reset_index(drop=True)
    n_train = len(train)
    runs = [retrieval.optimisation] + [pretraining.optimisation] * (len(ARMS) * len(pretraining.seeds))
    visits = sum(2 * run.resolved_steps(n_train) * run.resolved_batch_size(n_train) for run in runs)
    size = choose_image_size(
        target_manifest,
        requested=images.image_size,
        time_budget_minutes=images.time_budget_minutes,
        images_per_second_at_32=images.images_per_second_at_32,
        image_visits=visits,
    )
    for training in (retrieval, pretraining):
        create_backbone(training.backbone, image_size=size.image_size)  # refuses a size its patches do not divide
    return {**asdict(size), "grey": ImageStore(train, cache_gib=images.cache_gib).grey}
