"""Labels, class counts and accuracies, shared by all evaluations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcore.errors import InputError


@dataclass(frozen=True)
class LabelledFeatures:
    """Features with class numbers.

    Attributes:
        features: `(n, d)`, float32.
        classes: `(n,)`, int64, positions in the list of class names.
    """

    features: np.ndarray
    classes: np.ndarray


def match_labels(
    features: np.ndarray, labels: Sequence[str] | np.ndarray, *, classes: Sequence[str], part: str
) -> LabelledFeatures:
    """Return `features` with the positions of `labels` in `classes`, checked.

    Args:
        features: `(n, d)`.
        labels: n class names.
        classes: All class names, each once.
        part: `train` or `test`, for the messages.

    Raises:
        InputError: If numbers differ, a label is not in `classes`, a class has no image, or a feature is not
            finite.

    Example:
        >>> match_labels(np.zeros((2, 1)), ["dog", "cat"], classes=["cat", "dog"], part="train").classes
        array([1, 0])
    """
    features = np.asarray(features, dtype=np.float32)
    names = [str(name) for name in classes]
    if len(set(names)) != len(names) or len(names) < 2:  # noqa: PLR2004
        raise InputError(f"`classes` is {names}; it must hold at least 2 names, each once.")
    if features.ndim != 2 or len(features) != len(labels):  # noqa: PLR2004
        raise InputError(
            f"`{part}` has features of shape {features.shape} and {len(labels)} labels; give (n, d) and n."
        )
    if not np.isfinite(features).all():
        raise InputError(f"`{part}` has features that are NaN or infinite; check the encoder.")
    number = {name: position for position, name in enumerate(names)}
    unknown = sorted({str(label) for label in labels} - set(number))
    if unknown:
        raise InputError(
            f"The {part} labels {unknown[:5]} are not among the {len(names)} classes; give every class that "
            "occurs, or leave those images out."
        )
    positions = np.array([number[str(label)] for label in labels], dtype=np.int64)
    empty = [names[i] for i in np.flatnonzero(np.bincount(positions, minlength=len(names)) == 0)]
    if empty:
        raise InputError(
            f"The {part} images have none of {empty[:5]}; every class needs at least one image in each split."
        )
    return LabelledFeatures(features, positions)


def accuracy_records(
    predicted: np.ndarray, true: np.ndarray, *, evaluation: str, protocol: str, classes: int
) -> list[dict[str, Any]]:
    """Return top-1 and mean per-class accuracy as flat records.

    Mean per-class accuracy is the mean over classes of the share of the class's images that is right.

    Args:
        predicted: `(n,)` class numbers.
        true: `(n,)` class numbers; each class occurs.
        evaluation: Name of the evaluation.
        protocol: Name of the protocol.
        classes: Number of classes.

    Example:
        >>> records = accuracy_records(
        ...     np.array([0, 0, 0]), np.array([0, 0, 1]), evaluation="knn", protocol="clean", classes=2
        ... )
        >>> [(record["metric"], round(record["value"], 3)) for record in records]
        [('top1', 0.667), ('mean_per_class', 0.5)]
    """
    right = predicted == true
    per_class = np.bincount(true, weights=right, minlength=classes) / np.bincount(true, minlength=classes)
    values = {"top1": float(right.mean()), "mean_per_class": float(per_class.mean())}
    return [
        {"evaluation": evaluation, "metric": metric, "protocol": protocol, "value": value, "n": len(true)}
        for metric, value in values.items()
    ]
