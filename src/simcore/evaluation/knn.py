"""Weighted nearest-neighbour evaluation."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from simcore.errors import InputError
from simcore.evaluation.labels import accuracy_records, match_labels

logger = logging.getLogger(__name__)

TEMPERATURE = 0.07
_BLOCK_BYTES = 64 * 2**20


def knn(
    train_features: np.ndarray,
    train_labels: Sequence[str] | np.ndarray,
    test_features: np.ndarray,
    test_labels: Sequence[str] | np.ndarray,
    *,
    classes: Sequence[str],
    ks: Sequence[int] = (20, 200),
) -> list[dict[str, Any]]:
    """Return the test accuracy of a weighted vote of the k nearest training images, as flat records.

    Features are brought to unit length; each of the k training images most similar by cosine s votes for its
    class with weight exp(s / 0.07); of equal votes the first class wins, of equal similarities the earlier
    image. Costs O(m n d) time; similarities are held in blocks of 64 MiB. Source: SimCore paper, table 7a (k
    = 20 and 200).

    Args:
        train_features: `(n, d)`.
        train_labels: n class names.
        test_features: `(m, d)`.
        test_labels: m class names.
        classes: All class names.
        ks: Neighbours; a k above n is capped at n, with a message.

    Returns:
        Records with `evaluation` (`knn`), `metric` (`top1`, `mean_per_class`), `protocol` (`clean k=20`: the
        neighbours used), `value`, `n` (test images); one pair for each different k.

    Raises:
        InputError: If shapes differ, a class has no training or test image, or a k is below 1.

    Example:
        >>> train, test = np.eye(2).repeat(4, axis=0), np.eye(2)
        >>> records = knn(train, ["a"] * 4 + ["b"] * 4, test, ["a", "b"], classes=["a", "b"], ks=(3,))
        >>> records[0]["protocol"], records[0]["value"]
        ('clean k=3', 1.0)
    """
    train = match_labels(train_features, train_labels, classes=classes, part="train")
    test = match_labels(test_features, test_labels, classes=classes, part="test")
    if not ks or min(ks) < 1:
        raise InputError(f"`ks` is {tuple(ks)}; give at least one number of neighbours, each 1 or more.")
    n = len(train.classes)
    for k in ks:
        if k > n:
            logger.warning("kNN with k=%d has only %d training images; k=%d is used.", k, n, n)
    used = sorted({min(k, n) for k in ks})
    predicted = predict_by_neighbours(
        torch.from_numpy(train.features),
        torch.from_numpy(train.classes),
        torch.from_numpy(test.features),
        class_count=len(classes),
        ks=used,
    )
    return [
        record
        for k in used
        for record in accuracy_records(
            predicted[k].numpy(), test.classes, evaluation="knn", protocol=f"clean k={k}", classes=len(classes)
        )
    ]


def predict_by_neighbours(
    train_features: Tensor,
    train_classes: Tensor,
    test_features: Tensor,
    *,
    class_count: int,
    ks: Sequence[int],
) -> dict[int, Tensor]:
    """Return for each k the predicted classes of the test rows, `(m,)` int64.

    Args:
        train_features: `(n, d)`, float32.
        train_classes: `(n,)`, int64.
        test_features: `(m, d)`, float32.
        class_count: Number of classes.
        ks: Numbers of neighbours, each at most n.
    """
    train_unit = nn.functional.normalize(train_features, dim=1)
    test_unit = nn.functional.normalize(test_features, dim=1)
    block = max(1, _BLOCK_BYTES // (4 * len(train_unit)))
    predicted: dict[int, list[Tensor]] = {k: [] for k in ks}
    for rows in test_unit.split(block):
        similarities, nearest = (rows @ train_unit.T).sort(dim=1, descending=True, stable=True)
        neighbours = train_classes[nearest]
        for k in ks:
            predicted[k].append(vote(similarities[:, :k], neighbours[:, :k], class_count=class_count))
    return {k: torch.cat(parts) for k, parts in predicted.items()}


def vote(similarities: Tensor, classes: Tensor, *, class_count: int) -> Tensor:
    """Return the class that neighbours vote for with weight exp(s / 0.07), `(m,)`; of equal votes the first class.

    Args:
        similarities: `(m, k)`, s of the k neighbours of each row.
        classes: `(m, k)`, int64, their classes.
        class_count: Number of classes.

    Example:
        >>> vote(torch.tensor([[0.9, 0.2, 0.2]]), torch.tensor([[1, 0, 0]]), class_count=2)
        tensor([1])
    """
    votes = torch.zeros(len(similarities), class_count, dtype=torch.float64, device=similarities.device)
    votes.scatter_add_(1, classes, torch.exp(similarities.double() / TEMPERATURE))
    return votes.argmax(dim=1)
