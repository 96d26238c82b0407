"""Nodes of the stage `ingestion`: from folders to manifests."""

import math
from dataclasses import asdict
from typing import Any

import pandas as pd

from simcore.backbones import check_backbone, patch_size
from simcore.images import ImageStore, choose_image_size, read_source
from simcore.parameters import (
    ImageParameters,
    OpensetParameters,
    PretrainingParameters,
    RetrievalParameters,
    RuntimeParameters,
    TargetParameters,
)
from simcore.pipelines.arms import ARMS
from simcore.pipelines.given import given_architecture
from simcore.pipelines.recipe import Recipe, view_area


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


def _architectures(retrieval: RetrievalParameters, pretraining: PretrainingParameters) -> set[str]:
    """Return the networks that will see the images."""
    if retrieval.encoder is None:
        return {retrieval.backbone, pretraining.backbone}
    return {given_architecture(retrieval.encoder, of_files=retrieval.backbone), pretraining.backbone}


def decide_image_size(
    target_manifest: pd.DataFrame,
    images: ImageParameters,
    retrieval: RetrievalParameters,
    pretraining: PretrainingParameters,
    runtime: RuntimeParameters,
) -> dict[str, Any]:
    """Return the side at which all images are used, and why; and whether X is all grey, which decides the views.

    The sizes of the coresets are not known yet: every arm is counted with as many steps as on X alone, unless the
    parameters say how many.
    """
    train = target_manifest[target_manifest["split"] == "train"].reset_index(drop=True)
    known: dict[str, Any] = {"runtime": runtime, "image_size": 1, "grey": False, "n_target": len(train)}
    runs = [Recipe(training=pretraining, purpose="target", **known)] * (len(ARMS) * len(pretraining.seeds))
    if retrieval.encoder is None:
        runs.append(Recipe(training=retrieval, purpose="retrieval", **known))
    visits = 0.0
    for run in runs:
        n = run.n_images
        visits += view_area(run.training) * run.settings.resolved_steps(n) * run.settings.resolved_batch_size(n)
    architectures = _architectures(retrieval, pretraining)
    if images.image_size != "auto":
        for name in architectures:
            check_backbone(name, image_size=images.image_size)
    patches = [patch for patch in map(patch_size, architectures) if patch is not None]
    size = choose_image_size(
        target_manifest,
        requested=images.image_size,
        time_budget_minutes=images.time_budget_minutes,
        images_per_second_at_32=images.images_per_second_at_32,
        image_visits=round(visits),
        patch=math.lcm(*patches) if patches else None,
    )
    for name in architectures:
        check_backbone(name, image_size=size.image_size)
    return {**asdict(size), "grey": ImageStore(train, cache_gib=images.cache_gib).grey}
