"""Intersection over union, from the confusion matrix of all test pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simcore.downstream.segmentation.masks import CLASSES, IGNORED
from simcore.errors import InputError

EVALUATION = "segmentation"
_SHORT = {"background": "bg", "foreground": "fg"}


def count_pixels(true: np.ndarray, predicted: np.ndarray, *, classes: int = len(CLASSES)) -> np.ndarray:
    """Return how many pixels of class i were taken for class j, `(c, c)` int64; ignored ones are left out.

    Args:
        true: Classes of any shape, `IGNORED` where none counts.
        predicted: Classes of the same shape.
        classes: c.

    Raises:
        InputError: The shapes differ.

    Example:
        >>> count_pixels(np.array([0, 0, 1, 255]), np.array([0, 1, 1, 0])).tolist()
        [[1, 1], [0, 1]]
    """
    if true.shape != predicted.shape:
        raise InputError(f"`true` has shape {true.shape} and `predicted` {predicted.shape}; give one class a pixel.")
    counted = true != IGNORED
    pairs = true[counted].astype(np.int64) * classes + predicted[counted]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def intersection_over_union(confusion: np.ndarray) -> np.ndarray:
    """Return the IoU of each class, `(c,)`; NaN of a class that neither is there nor was predicted.

    With N the confusion matrix,

        IoU_i = N_ii / (sum_j N_ij + sum_j N_ji - N_ii).

    Args:
        confusion: `(c, c)`, rows true, columns predicted.

    Example:
        >>> intersection_over_union(np.array([[6, 2], [1, 3]])).round(3)
        array([0.667, 0.5  ])
    """
    hits = np.diag(confusion).astype(np.float64)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
    return np.divide(hits, union, out=np.full(len(hits), np.nan), where=union > 0)


def mean_iou(confusion: np.ndarray) -> float:
    """Return the mean IoU over the classes that are there or were predicted; 0 where no pixel counts.

    Example:
        >>> mean_iou(np.array([[4, 0], [0, 0]]))
        1.0
    """
    values = intersection_over_union(confusion)
    return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0


@dataclass(frozen=True, eq=False)
class SegmentationOutcome:
    """What a segmentation said about the test images.

    Attributes:
        protocol: `clean` or `published`.
        confusion: `(2, 2)`, pixels of all test images: rows true, columns predicted.
        n: Test images.
        choices: What was chosen on the way, such as the learning rate.
        keys: Images that are shown.
        predicted: Their predicted classes, `(len(keys), s, s)` uint8.

    Example:
        >>> outcome = SegmentationOutcome("clean", np.array([[6, 2], [1, 3]]), n=2)
        >>> [(record["metric"], round(record["value"], 3)) for record in outcome.records()]
        [('iou_fg', 0.5), ('iou_bg', 0.667), ('miou', 0.583)]
    """

    protocol: str
    confusion: np.ndarray
    n: int
    choices: Mapping[str, float] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    predicted: np.ndarray | None = None

    def records(self) -> list[dict[str, Any]]:
        """Return IoU of foreground and background, their mean, and the choices, flat."""
        found = dict(zip(CLASSES, intersection_over_union(self.confusion), strict=True))
        values = {f"iou_{_SHORT[name]}": float(found[name]) for name in reversed(CLASSES) if np.isfinite(found[name])}
        values["miou"] = mean_iou(self.confusion)
        return [
            {"evaluation": EVALUATION, "metric": metric, "protocol": self.protocol, "value": value, "n": self.n}
            for metric, value in {**values, **self.choices}.items()
        ]
