"""Average precision of found boxes: as COCO counts it, and as the published numbers were counted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torchmetrics.detection import MeanAveragePrecision

from simcore.downstream.detection.annotations import Objects
from simcore.downstream.detection.fitting import Found
from simcore.errors import InputError

EVALUATION = "detection"
THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).round(2).tolist())
"""Overlaps (IoU) from which a found box counts as right; mAP is the mean over all, mAP50 takes the first."""


def score_records(found: Sequence[Found], true: Sequence[Objects]) -> list[dict[str, Any]]:
    """Return mAP and mAP50 as flat records under both protocols; n is the number of images.

    `clean` is COCO's (`coco_precision`), `published` the SimCore paper's (`integrated_precision`): the same boxes,
    counted in two ways.

    Args:
        found: What was found in each image.
        true: What is there, image by image.

    Raises:
        InputError: Their numbers differ, or no image has a box.
    """
    if len(found) != len(true) or not any(len(each.boxes) for each in true):
        raise InputError(
            f"`found` is of {len(found)} images and `true` of {len(true)}, {sum(len(each.boxes) for each in true)} "
            "boxes in all; give as many of both, with a box at least."
        )
    return [
        {"evaluation": EVALUATION, "metric": metric, "protocol": protocol, "value": value, "n": len(true)}
        for protocol, values in (
            ("clean", coco_precision(found, true)),
            ("published", integrated_precision(found, true)),
        )
        for metric, value in values.items()
    ]


def coco_precision(found: Sequence[Found], true: Sequence[Objects]) -> dict[str, float]:
    """Return `map` and `map50` by torchmetrics with faster-coco-eval.

    Precision is read off at 101 recalls, at most 100 boxes of an image count, and classes without a true box do not.
    """
    metric = MeanAveragePrecision(backend="faster_coco_eval")
    metric.warn_on_many_detections = False
    metric.update(
        [
            {
                "boxes": torch.from_numpy(each.boxes).float(),
                "scores": torch.from_numpy(each.scores).float(),
                "labels": torch.from_numpy(each.classes),
            }
            for each in found
        ],
        [{"boxes": torch.from_numpy(each.boxes).float(), "labels": torch.from_numpy(each.classes)} for each in true],
    )
    values = metric.compute()
    return {"map": float(values["map"]), "map50": float(values["map_50"])}


def integrated_precision(found: Sequence[Found], true: Sequence[Objects]) -> dict[str, float]:
    """Return `map` and `map50` as the SimCore paper's detection counts them.

    As the PASCAL VOC development kit does since 2010: the whole area under the curve of precision (made to fall) over
    recall, coordinates rounded to pixels of which the last counts (a box from 2 to 5 is 4 wide), each found box matched
    to the true one of its class that it overlaps most, the mean over the classes with a true box; and of ten overlaps
    the mean.

    Costs time and memory linear in the found boxes, times those of one class in an image.
    """
    numbers = sorted({int(number) for each in true for number in each.classes})
    each_class = np.array([_class_precision(found, true, number) for number in numbers])
    means = each_class.mean(axis=0)
    return {"map": float(means.mean()), "map50": float(means[0])}


def _class_precision(found: Sequence[Found], true: Sequence[Objects], number: int) -> np.ndarray:
    """Return the average precision of a class at each overlap, `(10,)`."""
    scores, overlaps, matches, count = [], [], [], 0
    for seen, there in zip(found, true, strict=True):
        boxes = np.rint(there.boxes[there.classes == number])
        mine = seen.classes == number
        overlap = inclusive_overlap(np.rint(seen.boxes[mine]), boxes)
        # A column for no box: images without one have nothing to take the best of.
        overlap = np.column_stack([np.zeros(len(overlap)), overlap])
        best = overlap.argmax(axis=1)
        scores.append(seen.scores[mine])
        overlaps.append(overlap[np.arange(len(best)), best])
        matches.append(count + best)
        count += len(boxes)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    overlap, match = np.concatenate(overlaps)[order], np.concatenate(matches)[order]
    return np.array([_area_under(_first_hits(match, overlap >= threshold), count) for threshold in THRESHOLDS])


def _first_hits(match: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """Return which rows are the first to hit their true box: a second one is wrong."""
    rows = np.flatnonzero(hit)
    right = np.zeros(len(match), dtype=bool)
    right[rows[np.unique(match[rows], return_index=True)[1]]] = True
    return right


def _area_under(right: np.ndarray, count: int) -> float:
    """Return the area under precision over recall, precision being the best at that recall or a higher one."""
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(falling[right].sum() / count)


def inclusive_overlap(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the IoU of all pairs of boxes `(a, 4)` and `(b, 4)` whose last pixels count, `(a, b)`.

    Example:
        >>> inclusive_overlap(np.array([[0, 0, 9, 9]]), np.array([[0, 0, 9, 4], [20, 20, 29, 29]]))
        array([[0.5, 0. ]])
    """
    first = np.maximum(left[:, None, :2], right[None, :, :2])
    last = np.minimum(left[:, None, 2:], right[None, :, 2:])
    shared = np.clip(last - first + 1, 0, None).prod(axis=2)
    areas = [(each[:, 2:] - each[:, :2] + 1).prod(axis=1) for each in (left, right)]
    return shared / (areas[0][:, None] + areas[1][None, :] - shared)
