"""Nodes of the pipeline `detection`."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from simcore.backbones import Encoder
from simcore.devices import choose_device
from simcore.downstream.detection import (
    LEGEND,
    Annotations,
    BoxViewSettings,
    Found,
    Objects,
    draw_boxes,
    find_objects,
    fit_detector,
    read_annotations,
    score_records,
)
from simcore.downstream.legend import add_legend
from simcore.images import ImageStore
from simcore.parameters import (
    MACHINE_FIELDS,
    DetectionParameters,
    ImageParameters,
    RuntimeParameters,
)
from simcore.pipelines.evaluation.labels import mark_drawn_records, warn_of_drawn_test
from simcore.pipelines.evaluation.loading import identify
from simcore.reporting import GalleryRow, Tile, TileGroup, draw_gallery, encode_tile
from simcore.reporting.galleries import spread
from simcore.tracking import reporter
from simcore.training import TrainingSettings
from simcore.workspace import work_directory

LOGGER = logging.getLogger(__name__)

_TILE = 320
_TILES_IN_A_ROW = 4


@dataclass(frozen=True, eq=False)
class _Data:
    """What every encoder is trained and judged on."""

    annotations: Annotations
    train: ImageStore
    test: ImageStore
    view: BoxViewSettings


def detect_arm(
    encoders: dict[int, Encoder],
    target_manifest: pd.DataFrame,
    images: ImageParameters,
    detection: DetectionParameters,
    runtime: RuntimeParameters,
    arm: str,
) -> tuple[list[dict[str, Any]], pd.DataFrame, bytes]:
    """Return metric records, curves and a picture of detectors on an arm's encoders, one detector an encoder.

    All boxes are looked at before anything is trained. An interrupted node goes on where it was.
    """
    warn_of_drawn_test(target_manifest)
    annotations = read_annotations(target_manifest)
    data = _Data(
        annotations,
        _open(target_manifest, annotations.train, images=images, detection=detection),
        _open(target_manifest, annotations.test, images=images, detection=detection),
        BoxViewSettings(detection.min_side, detection.max_side, detection.flip),
    )
    records: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    rows: list[GalleryRow] = []
    for seed, encoder in encoders.items():
        found, curve = _train_and_find(data, encoder, arm=arm, seed=seed, detection=detection, runtime=runtime)
        scores = mark_drawn_records(
            score_records(found, [annotations.test[str(key)] for key in data.test.keys]), target_manifest
        )
        for record in scores:
            LOGGER.info("%s, seed %d: %s %.3f (%s)", arm, seed, record["metric"], record["value"], record["protocol"])
        records += [{**identify(encoder, arm=arm, seed=seed), **record} for record in scores]
        curves.append(curve.assign(arm=arm, seed=seed))
        rows += _draw(data, found, title=f"{arm}, seed {seed}", count=detection.pictures)
    return records, pd.concat(curves, ignore_index=True), add_legend(draw_gallery(rows), LEGEND)


def _open(
    manifest: pd.DataFrame, objects: Mapping[str, Objects], *, images: ImageParameters, detection: DetectionParameters
) -> ImageStore:
    part = manifest[manifest["key"].isin(list(objects))]
    # Twice as large as they are shown: crops are enlarged back.
    return ImageStore(part, side=2 * detection.min_side, cache_gib=images.cache_gib)


def _train_and_find(
    data: _Data,
    encoder: Encoder,
    *,
    arm: str,
    seed: int,
    detection: DetectionParameters,
    runtime: RuntimeParameters,
) -> tuple[list[Found], pd.DataFrame]:
    """Return what a detector on `encoder` finds in the test images, and the curves of its training."""
    machine = runtime.model_dump(include=set(MACHINE_FIELDS))
    settings = TrainingSettings(**detection.optimisation.model_dump(exclude=set(MACHINE_FIELDS)), **machine)
    detector, result = fit_detector(
        encoder,
        data.train,
        data.annotations.train,
        class_count=len(data.annotations.classes),
        view=data.view,
        settings=settings,
        seed=detection.seed,
        workdir=work_directory() / f"seed-{seed}",
        frozen=detection.frozen,
        width=detection.width,
        nms_iou=detection.nms_iou,
        least_score=detection.least_score,
        reporter=reporter(arm=arm, seed=seed, prefix="detection/"),
        description=f"detect, {arm}, seed {seed}",
    )
    detector.to(choose_device(runtime.device))
    card = encoder.card
    found = find_objects(detector, data.test, data.annotations.test, view=data.view, mean=card.mean, std=card.std)
    return found, result.curves


def _draw(data: _Data, found: list[Found], *, title: str, count: int) -> list[GalleryRow]:
    """Return rows of test images, evenly spread, with their true and found boxes."""
    tiles = []
    for row in spread(len(data.test), count):
        key = str(data.test.keys[row])
        picture: np.ndarray = draw_boxes(
            data.test[row], data.annotations.test[key], found[row], classes=data.annotations.classes, side=_TILE
        )
        tiles.append(
            Tile(key, encode_tile(picture, side=_TILE), alt=f"Test image {key}: true boxes blue, predicted orange")
        )
    starts = range(0, len(tiles), _TILES_IN_A_ROW)
    return [GalleryRow(title, (TileGroup(title, tuple(tiles[first : first + _TILES_IN_A_ROW])),)) for first in starts]
