"""Classes and labels, shared by all evaluations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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


def find_classes(train_labels: Iterable[str | None], test_labels: Iterable[str | None]) -> tuple[str, ...]:
    """Return the names of the classes of the training images, sorted; checked against those of the test images.

    A class that only the training images have is one that the classifier may name wrongly; means over classes leave it
    out, since no test image has it.

    Raises:
        InputError: An image has no label, there is no test image, one class alone, or a test class without training
            images.

    Example:
        >>> find_classes(["cat", "dog", "cow"], ["dog", "cat"])
        ('cat', 'cow', 'dog')
    """
    train, test = list(train_labels), list(test_labels)
    for part, labels in (("training", train), ("test", test)):
        if not labels:
            raise InputError(f"There is no {part} image, so nothing can be measured with labels; give both parts.")
        unlabelled = sum(label is None or label != label for label in labels)  # noqa: PLR0124 (NaN)
        if unlabelled:
            raise InputError(
                f"{unlabelled} of {len(labels)} {part} images have no label; label them, or leave them out."
            )
    classes = tuple(sorted(set(map(str, train))))
    check_trained(classes, test)
    if len(classes) < 2:  # noqa: PLR2004
        raise InputError(f"All training images are of the one class '{classes[0]}'; at least 2 classes are needed.")
    return classes


def check_trained(trained: Iterable[str], test_labels: Iterable[str | None]) -> None:
    """Raise if the test images have a class that the training images lack.

    Raises:
        InputError: Names the first such class.
    """
    missing = sorted(set(map(str, test_labels)) - set(trained))
    if missing:
        raise InputError(
            f"Test class '{missing[0]}' has no training image"
            + (f" (nor have {len(missing) - 1} more)" if len(missing) > 1 else "")
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
