"""Classes and labels, shared by all evaluations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simcore.errors import InputError
from simcore.evaluation.naming import name_each, name_first, name_sources

LEAST_CLASSES = 2


@dataclass(frozen=True)
class LabelledFeatures:
    """Features with class numbers.

    Attributes:
        features: `(n, d)`, float32.
        classes: `(n,)`, int64, positions in the list of class names.
    """

    features: np.ndarray
    classes: np.ndarray


def find_classes(manifest: pd.DataFrame, *, column: str = "label") -> tuple[str, ...]:
    """Return the names of the classes of a manifest's training images, sorted; checked against the test images.

    A class that only the training images have is one that the classifier may name wrongly; means over classes leave it
    out, since no test image has it.

    Args:
        manifest: Rows with `key`, `uri`, `source`, `split` and the labels.
        column: Of the labels.

    Raises:
        InputError: An image has no label, there is no test image, one class alone, or a test class without training
            images; names source, key and file.

    Example:
        >>> rows = {"key": list("abcd"), "uri": list("abcd"), "source": "pets", "split": ["train"] * 3 + ["test"]}
        >>> find_classes(pd.DataFrame({**rows, "label": ["cat", "dog", "cow", "dog"]}))
        ('cat', 'cow', 'dog')
    """
    train, test = (manifest[manifest["split"] == split] for split in ("train", "test"))
    for part, rows in (("training", train), ("test", test)):
        if rows.empty:
            of = f" among the {len(manifest)} of {name_sources(manifest)}" if len(manifest) else ""
            raise InputError(f"There is no {part} image{of}, so nothing can be measured with labels; give both parts.")
        without = rows[rows[column].isna()]
        if len(without):
            raise InputError(
                f"{len(without)} of {len(rows)} {part} images of {name_sources(rows)} have no label (the first is "
                f"{name_first(without)}); label them, or leave them out."
            )
    classes = tuple(sorted(set(map(str, train[column]))))
    check_trained(classes, test[column], images=name_each(test))
    if len(classes) < LEAST_CLASSES:
        raise InputError(
            f"All {len(train)} training images of {name_sources(train)} are of the one class '{classes[0]}' (the first "
            f"is {name_first(train)}); at least {LEAST_CLASSES} classes are needed."
        )
    return classes


def check_trained(
    trained: Iterable[str], test_labels: Iterable[str | None], *, images: Sequence[str] | None = None
) -> None:
    """Raise if the test images have a class that the training images lack.

    Args:
        trained: Classes of the training images.
        test_labels: Class of each test image.
        images: What each test image is called, for the message.

    Raises:
        InputError: Names the first such class, and its first image.
    """
    labels = list(map(str, test_labels))
    missing = sorted(set(labels) - set(trained))
    if missing:
        raise InputError(
            f"Test class '{missing[0]}' has no training image"
            + (f" (nor have {len(missing) - 1} more)" if len(missing) > 1 else "")
            + ("" if images is None else f", and test image {images[labels.index(missing[0])]} is of it")
            + "; add some, draw a larger share of the labels, or draw it stratified."
        )


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
        InputError: If numbers differ, a label is not in `classes`, or a feature is not finite.

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
    return LabelledFeatures(features, positions)
