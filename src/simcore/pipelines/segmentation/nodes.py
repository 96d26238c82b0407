"""Nodes of the pipeline `segmentation`."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from simcore.backbones import Encoder
from simcore.downstream.legend import add_legend
from simcore.downstream.segmentation import (
    LEGEND,
    CropSettings,
    MaskedTarget,
    SegmentationOutcome,
    SegmentationRecipe,
    centre_view,
    draw_grid,
    overlay_mask,
    read_masked_target,
    train_and_segment,
)
from simcore.images import ImageStore
from simcore.parameters import MACHINE_FIELDS, ImageParameters, RuntimeParameters, SegmentationParameters
from simcore.pipelines.evaluation.labels import mark_drawn_records, warn_of_drawn_test
from simcore.pipelines.evaluation.loading import identify
from simcore.reporting.galleries import spread
from simcore.tracking import reporter
from simcore.workspace import work_directory

LOGGER = logging.getLogger(__name__)

Found = list[tuple[str, int, SegmentationOutcome]]


def segment_arm(
    encoders: dict[int, Encoder],
    target_manifest: pd.DataFrame,
    images: ImageParameters,
    segmentation: SegmentationParameters,
    runtime: RuntimeParameters,
    arm: str,
) -> tuple[list[dict[str, Any]], bytes]:
    """Return the metric records of an arm's encoders under DeepLabV3+, and a picture of what they make of test images.

    All masks are looked at before anything is trained. An interrupted node goes on where it was.
    """
    warn_of_drawn_test(target_manifest)
    target = read_masked_target(target_manifest, show_progress=True)
    shown = [str(target.test["key"].iloc[row]) for row in spread(len(target.test), segmentation.pictures)]
    machine = runtime.model_dump(include=set(MACHINE_FIELDS) - {"processes"})
    records: list[dict[str, Any]] = []
    rows: list[list[np.ndarray]] = []
    titles = ["image", "true mask"]
    for seed, encoder in encoders.items():
        recipe = _recipe(segmentation, image_size=segmentation.image_size or encoder.card.image_size)
        train, test = (_open(part, recipe, images=images) for part in (target.train, target.test))
        rows = rows or _draw_truth(test, target, shown, image_size=recipe.crop.image_size)
        for protocol in segmentation.protocols:
            name = f"{arm}, seed {seed}, {protocol}"
            outcome = train_and_segment(
                encoder,
                train,
                test,
                target.masks,
                recipe=recipe,
                protocol=protocol,
                seed=segmentation.seed,
                workdir=work_directory() / f"seed-{seed}" / protocol,
                machine=machine,
                shown=shown,
                make_reporter=lambda training, seed=seed: reporter(  # type: ignore[misc] # called in this turn
                    arm=arm, seed=seed, prefix=f"segmentation/{training}/"
                ),
                description=f"segment, {name}",
            )
            found = mark_drawn_records(outcome.records(), target_manifest)
            LOGGER.info("%s: %s", name, ", ".join(f"{each['metric']} {each['value']:.3g}" for each in found))
            records += [{**identify(encoder, arm=arm, seed=seed), **record} for record in found]
            titles.append(f"seed {seed}, {protocol}")
            _draw_predictions(rows, test, target, outcome)
    return records, add_legend(draw_grid(rows, titles=titles), LEGEND)


def _recipe(segmentation: SegmentationParameters, *, image_size: int) -> SegmentationRecipe:
    crop = CropSettings(
        image_size=image_size, base_ratio=segmentation.base_ratio, scale=segmentation.scale, flip=segmentation.flip
    )
    return SegmentationRecipe(
        crop=crop,
        **segmentation.model_dump(
            include={
                "epochs",
                "batch_size",
                "learning_rates",
                "head_rate",
                "weight_decay",
                "power",
                "output_stride",
                "dilations",
                "frozen",
                "precision",
            }
        ),
    )


def _open(part: pd.DataFrame, recipe: SegmentationRecipe, *, images: ImageParameters) -> ImageStore:
    return ImageStore(part, side=max(recipe.crop.sides[1], recipe.crop.image_size), cache_gib=images.cache_gib)


def _seen(
    store: ImageStore, target: MaskedTarget, keys: Mapping[str, int], *, image_size: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return pixels and classes of images as they are measured."""
    return [
        centre_view(store.compact(position), target.masks.picture(key), image_size=image_size)
        for key, position in keys.items()
    ]


def _positions(store: ImageStore, keys: list[str] | tuple[str, ...]) -> dict[str, int]:
    place = {str(key): position for position, key in enumerate(store.keys)}
    return {key: place[key] for key in keys}


def _draw_truth(
    store: ImageStore, target: MaskedTarget, shown: list[str], *, image_size: int
) -> list[list[np.ndarray]]:
    """Return a row for each image: itself, and with its true mask."""
    return [
        [np.ascontiguousarray(pixels.transpose(1, 2, 0)), overlay_mask(pixels, classes)]
        for pixels, classes in _seen(store, target, _positions(store, shown), image_size=image_size)
    ]


def _draw_predictions(
    rows: list[list[np.ndarray]], store: ImageStore, target: MaskedTarget, outcome: SegmentationOutcome
) -> None:
    """Add to each row the image with its predicted mask."""
    assert outcome.predicted is not None
    seen = _seen(store, target, _positions(store, outcome.keys), image_size=outcome.predicted.shape[-1])
    for row, (pixels, _), predicted in zip(rows, seen, outcome.predicted, strict=True):
        row.append(overlay_mask(pixels, predicted))
