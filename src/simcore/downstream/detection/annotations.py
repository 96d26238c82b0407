"""Boxes of a manifest, put right or refused before anything is trained."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from simcore.downstream.naming import name_images
from simcore.errors import InputError

logger = logging.getLogger(__name__)

_TOLERANCE = 1.0
"""Pixels that a box may lie outside by: annotations count from 0 or 1, with the last pixel or without."""
_LEAST_INSIDE = 0.5
"""Share of a box that has to lie inside its image, or it belongs to another one."""
_NAMELESS = "object"

_COUNTED_OTHERWISE = "a pixel or less beyond their image and were clipped"
_SWAPPED = "further beyond their image and were taken with x and y swapped"
_CLIPPED = "further beyond their image and were clipped"

_Repairs = defaultdict[str, list[str]]
"""Images of repaired boxes, once a box, by what was done."""


@dataclass(frozen=True, eq=False)
class Objects:
    """What is marked in one image.

    Attributes:
        boxes: `(m, 4)` float64: left, top, right, bottom, in pixels of the image, inside it.
        classes: `(m,)` int64, positions in the class names.
        width: Of the image, in pixels.
        height: Likewise.
    """

    boxes: np.ndarray
    classes: np.ndarray
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Annotations:
    """The boxes of a target.

    Attributes:
        classes: Class names, sorted.
        train: Objects of the training images by key.
        test: Objects of the test images by key.
    """

    classes: tuple[str, ...]
    train: Mapping[str, Objects]
    test: Mapping[str, Objects]


def read_annotations(manifest: pd.DataFrame) -> Annotations:
    """Return the boxes of `manifest`, checked; every box of an image has the image's label for its class.

    A box that lies outside its image by a pixel or less is clipped. One that lies outside by more is taken with x and y
    swapped where it fits then (what the SimCore paper's code does to every box that exceeds its image), and is clipped
    otherwise where at least half of it is inside; all of this is logged, with the number of boxes and the first image.
    Other boxes are refused. Coordinates are taken as edges: of sets that count pixels from 1, left and top edges are
    one pixel off, as in the published results.

    Images whose boxes are null are left out; an empty list says that the image shows nothing. Where no image has a
    label, there is one class, `object`.

    Args:
        manifest: With a column `boxes`: a list of [x0, y0, x1, y1] an image, in pixels.

    Raises:
        InputError: There are no boxes, or none in one of the splits; a box is inverted, empty, no four finite numbers
            or outside its image (the message names file and key); an image has no label while others have; a test class
            has no training image.

    Example:
        >>> row = {"uri": "/a.png", "label": "wren", "width": 30, "height": 20, "boxes": [[2, 3, 9, 21]]}
        >>> keys = {"a.png": "train", "b.png": "test"}
        >>> manifest = pd.DataFrame([{"key": key, "split": split, **row} for key, split in keys.items()])
        >>> annotations = read_annotations(manifest)
        >>> annotations.classes, annotations.train["a.png"].boxes.tolist()
        (('wren',), [[2.0, 3.0, 9.0, 20.0]])
    """
    boxed = _with_boxes(manifest)
    names = _class_names(boxed)
    number = {name: position for position, name in enumerate(names)}
    repairs: _Repairs = defaultdict(list)
    found: dict[str, dict[str, Objects]] = {"train": {}, "test": {}}
    for row in boxed.to_dict("records"):
        boxes = _repaired(row, repairs)
        label = number[names[0] if pd.isna(row["label"]) else row["label"]]
        found[row["split"]][row["key"]] = Objects(
            boxes, np.full(len(boxes), label, dtype=np.int64), int(row["width"]), int(row["height"])
        )
    for repair, images in sorted(repairs.items()):
        level = logging.INFO if repair == _COUNTED_OTHERWISE else logging.WARNING
        logger.log(level, "%d box(es) reached %s, the first is of image %s.", len(images), repair, images[0])
    _check_classes(boxed)
    return Annotations(names, found["train"], found["test"])


def _with_boxes(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose boxes are known; there are some in both splits."""
    if "boxes" not in manifest.columns or manifest["boxes"].isna().all():
        raise InputError(
            f"The {name_images(manifest)} have no boxes, so there is nothing to detect; give a target with "
            "boxes: aircraft, cars, birds or dogs, their annotation unpacked."
        )
    known = manifest["boxes"].notna()
    boxed = manifest[known]
    for split in ("train", "test"):
        if not any(len(boxes) for boxes in boxed.loc[boxed["split"] == split, "boxes"]):
            raise InputError(
                f"None of the {name_images(manifest, split=split)} has a box; a detector needs boxes in the train and "
                "the test part."
            )
    if not known.all():
        first = manifest[~known].iloc[0]
        logger.warning(
            "%d of %d images have no boxes and are left out, the first is '%s' (%s).",
            int((~known).sum()),
            len(manifest),
            first["key"],
            first["uri"],
        )
    return boxed


def _class_names(boxed: pd.DataFrame) -> tuple[str, ...]:
    labelled = boxed["label"].notna()
    if not labelled.any():
        return (_NAMELESS,)
    if not labelled.all():
        row = boxed[~labelled].iloc[0]
        raise InputError(
            f"Image '{row['key']}' ({row['uri']}) has boxes but no label, while others have one; label it, leave it "
            "out, or set `target.labels` to none for a single class."
        )
    return tuple(sorted(boxed["label"].unique()))


def _check_classes(boxed: pd.DataFrame) -> None:
    train, test = (boxed[boxed["split"] == split] for split in ("train", "test"))
    missing = test[~test["label"].isin(train["label"]) & test["label"].notna()]
    if len(missing):
        row = missing.iloc[0]
        raise InputError(
            f"Test image '{row['key']}' ({row['uri']}) is of the class '{row['label']}', of which no training image "
            "has boxes; add some, or leave the class out of the test part."
        )


def _repaired(row: Mapping[Any, Any], repairs: _Repairs) -> np.ndarray:
    """Return the boxes of a row, `(m, 4)`, inside the image."""
    boxes = [_repair(box, row, repairs) for box in row["boxes"]]
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def _repair(given: Any, row: Mapping[Any, Any], repairs: _Repairs) -> np.ndarray:
    width, height = float(row["width"]), float(row["height"])
    try:
        box = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        box = np.array(np.nan)
    where = f"of image '{row['key']}' ({row['uri']}, {width:.0f} x {height:.0f} pixels)"
    if box.shape != (4,) or not np.isfinite(box).all():
        raise InputError(f"A box {where} is {given}; a box is four finite numbers x0, y0, x1, y1 in pixels.")
    said = f"The box [{', '.join(f'{value:g}' for value in box)}] {where}"
    if box[0] >= box[2] or box[1] >= box[3]:
        raise InputError(f"{said} is inverted or empty; it must be x0, y0, x1, y1 with x0 < x1 and y0 < y1.")
    swapped = box[[1, 0, 3, 2]]
    clipped = _clip(box, width, height)
    repair = None
    if _fits(box, width, height):
        inside = clipped
        repair = None if (inside == box).all() else _COUNTED_OTHERWISE
    elif _fits(swapped, width, height):
        repair = _SWAPPED
        inside = _clip(swapped, width, height)
    elif _area(clipped) >= _LEAST_INSIDE * _area(box):
        repair = _CLIPPED
        inside = clipped
    else:
        raise InputError(
            f"{said} lies outside its image, also with x and y swapped; correct it, or check that the annotation "
            "belongs to images of this size."
        )
    if _area(inside) <= 0:
        raise InputError(f"{said} lies outside its image; correct the annotation.")
    if repair is not None:
        repairs[repair].append(f"'{row['key']}' ({row['uri']})")
    return inside


def _fits(box: np.ndarray, width: float, height: float) -> bool:
    return bool((box[:2] >= -_TOLERANCE).all() and box[2] <= width + _TOLERANCE and box[3] <= height + _TOLERANCE)


def _clip(box: np.ndarray, width: float, height: float) -> np.ndarray:
    return np.clip(box, 0, [width, height, width, height])


def _area(box: np.ndarray) -> float:
    return float(max(box[2] - box[0], 0) * max(box[3] - box[1], 0))
