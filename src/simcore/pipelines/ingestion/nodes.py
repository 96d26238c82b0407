"""Nodes of the stage `ingestion`: from folders to manifests."""

import logging
import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from simcore.backbones import check_backbone, patch_size
from simcore.errors import InputError
from simcore.images import ImageStore, Settings, choose_image_size, ingest_files
from simcore.parameters import (
    ComparisonParameters,
    ImageParameters,
    OpensetParameters,
    PretrainingParameters,
    RetrievalParameters,
    RuntimeParameters,
    TargetParameters,
)
from simcore.pipelines.given import given_architecture
from simcore.pipelines.recipe import Recipe, view_area
from simcore.workspace import work_directory

LOGGER = logging.getLogger(__name__)

# Arms that the time budget counts, whichever are compared: another arm may not change the size, and so all others.
_COUNTED_ARMS = 3


def ingest_target(target: TargetParameters) -> tuple[Path, Path, list[dict[str, Any]]]:
    """Return the files of the target's manifest and its rejected images, and its counts."""
    return _ingest(target, role="target", test_fraction=target.test_fraction, seed=target.split_seed)


def ingest_openset(openset: OpensetParameters) -> tuple[Path, Path, list[dict[str, Any]]]:
    """Return the files of the open-set's manifest and its rejected images, and its counts."""
    return _ingest(openset, role="openset")


def _ingest(pool: TargetParameters | OpensetParameters, **settings: Any) -> tuple[Path, Path, list[dict[str, Any]]]:
    directory = work_directory()
    files = ingest_files(
        pool.entries,
        directory,
        settings=Settings(
            labels=pool.labels,
            limit=pool.limit,
            classes=pool.classes,
            sample_seed=pool.sample_seed,
            verify=pool.verify,
            max_rejected=pool.max_rejected,
            counts=pool.counts,
            **settings,
        ),
        layout=pool.layout,
        options=pool.reader_options,
        root=pool.datasets_root,
        workers=pool.verify_workers,
        show_progress=True,
        # The folder is named after all inputs of this node, the source's files among them.
        state=directory.name,
    )
    return files.manifest, files.rejected, files.counts


def _architectures(retrieval: RetrievalParameters, pretraining: PretrainingParameters) -> set[str]:
    """Return the networks that will see the images."""
    if retrieval.encoder is None:
        return {retrieval.backbone, pretraining.backbone}
    return {given_architecture(retrieval.encoder, of_files=retrieval.backbone), pretraining.backbone}


def _count_visits(run: Recipe, *, sources: Iterable[str]) -> float:
    """Return how many whole images a training sees.

    Raises:
        InputError: The images do not suffice for it; names stage and sources.
    """
    n = run.n_images
    try:
        return view_area(run.training) * run.settings.resolved_steps(n) * run.settings.resolved_batch_size(n)
    except InputError as error:
        stage = "retrieval" if run.purpose == "retrieval" else "pretraining"
        named = ", ".join(f"`{source}`" for source in sources)
        raise InputError(f"In `{stage}.optimisation`, for the train images of {named}: {error}") from error


def decide_image_size(
    target_manifest: pd.DataFrame,
    images: ImageParameters,
    retrieval: RetrievalParameters,
    pretraining: PretrainingParameters,
    comparison: ComparisonParameters,
    runtime: RuntimeParameters,
) -> dict[str, Any]:
    """Return the side at which all images are used, and why; and whether X is all grey, which decides the views.

    The sizes of the coresets are not known yet: every arm is counted with as many steps as on X alone, unless the
    parameters say how many. Where the size is given, trainings that these images do not suffice for stop nothing here:
    it may be that a given encoder is to be evaluated, and nothing trained.
    """
    train = target_manifest[target_manifest["split"] == "train"].reset_index(drop=True)
    known: dict[str, Any] = {"runtime": runtime, "image_size": 1, "grey": False, "n_target": len(train)}
    runs = [Recipe(training=pretraining, purpose="target", **known)] * (_COUNTED_ARMS * len(comparison.seeds))
    if retrieval.encoder is None:
        runs.append(Recipe(training=retrieval, purpose="retrieval", **known))
    visits: int | None = None
    try:
        visits = round(sum(_count_visits(run, sources=train["source"].unique()) for run in runs))
    except InputError as error:
        if images.image_size == "auto":
            raise InputError(
                f"{error} Where nothing is to be trained, give the size: `images.image_size=<pixels>`."
            ) from error
        LOGGER.warning("%s Nothing can be trained so; a given encoder can be evaluated.", error)
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
        image_visits=visits,
        patch=math.lcm(*patches) if patches else None,
    )
    for name in architectures:
        check_backbone(name, image_size=size.image_size)
    return {**asdict(size), "grey": ImageStore(train, cache_gib=images.cache_gib).grey}
