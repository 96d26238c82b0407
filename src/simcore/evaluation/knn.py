"""Weighted nearest-neighbour evaluation."""

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from simcore.errors import InputError
from simcore.evaluation.labels import check_trained, match_labels
from simcore.evaluation.outcome import TOP, Outcome

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
    device: str | torch.device = "cpu",
) -> list[Outcome]:
    """Return what a weighted vote of the k nearest training images says about the test images, for each different k.

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
        device: Where similarities are computed.

    Returns:
        Outcomes of the evaluation `knn` under the protocol `clean k=20`, after the neighbours used.

    Raises:
        InputError: If shapes differ, a test class has no training image, or a k is below 1.

    Example:
        >>> train, test = np.eye(2).repeat(4, axis=0), np.eye(2)
        >>> (outcome,) = knn(train, ["a"] * 4 + ["b"] * 4, test, ["a", "b"], classes=["a", "b"], ks=(3,))
        >>> outcome.protocol, outcome.records()[0]["value"]
        ('clean k=3', 1.0)
    """
    train = match_labels(train_features, train_labels, classes=classes, part="train")
    test = match_labels(test_features, test_labels, classes=classes, part="test")
    check_trained(set(map(str, train_labels)), test_labels)
    if not ks or min(ks) < 1:
        raise InputError(f"`ks` is {tuple(ks)}; give at least one number of neighbours, each 1 or more.")
    n = len(train.classes)
    for k in ks:
        if k > n:
            logger.warning("kNN with k=%d has only %d training images; k=%d is used.", k, n, n)
    ranked = rank_by_neighbours(
        torch.from_numpy(train.features).to(device),
        torch.from_numpy(train.classes).to(device),
        torch.from_numpy(test.features),
        class_count=len(classes),
        ks=sorted({min(k, n) for k in ks}),
    )
    names = tuple(map(str, classes))
    return [Outcome("knn", f"clean k={k}", names, test.classes, found.numpy()) for k, found in ranked.items()]


def rank_by_neighbours(
    train_features: Tensor,
    train_classes: Tensor,
    test_features: Tensor,
    *,
    class_count: int,
    ks: Sequence[int],
) -> dict[int, Tensor]:
    """Return for each k the classes of the test rows with most votes, `(m, min(5, c))` int64 on the CPU, -1 for none.

    Args:
        train_features: `(n, d)`, float32, where similarities are to be computed.
        train_classes: `(n,)`, int64, there too.
        test_features: `(m, d)`, float32.
        class_count: c.
        ks: Numbers of neighbours, each at most n.
    """
    train_unit = nn.functional.normalize(train_features, dim=1)
    block = max(1, _BLOCK_BYTES // (4 * len(train_unit)))
    ranked: dict[int, list[Tensor]] = {k: [] for k in ks}
    for rows in test_features.split(block):
        unit = nn.functional.normalize(rows.to(train_unit.device), dim=1)
        similarities, nearest = nearest_first(unit @ train_unit.T, k=max(ks))
        neighbours = train_classes[nearest]
        for k in ks:
            votes = count_votes(similarities[:, :k], neighbours[:, :k], class_count=class_count)
            ranked[k].append(_rank_votes(votes).cpu())
    return {k: torch.cat(parts) for k, parts in ranked.items()}


def nearest_first(similarities: Tensor, *, k: int) -> tuple[Tensor, Tensor]:
    """Return the k highest values of each row and their columns, highest first, of equal ones the earlier column.

    What a stable sort of whole rows gives, but only rows with equal values among the first k + 1 are sorted: `topk`
    leaves open in which order, and which, of equal values it takes.

    Args:
        similarities: `(m, n)`.
        k: At most n.

    Returns:
        Values `(m, k)` and columns `(m, k)`, int64.

    Example:
        >>> nearest_first(torch.tensor([[0.5, 0.9, 0.5, 0.5]]), k=2)[1]
        tensor([[1, 0]])
    """
    values, columns = similarities.topk(min(k + 1, similarities.shape[1]), dim=1)
    equal = (values[:, 1:] == values[:, :-1]).any(dim=1)
    values, columns = values[:, :k], columns[:, :k]
    if equal.any():
        whole = similarities[equal].sort(dim=1, descending=True, stable=True)
        values[equal], columns[equal] = whole.values[:, :k], whole.indices[:, :k]
    return values, columns


def count_votes(similarities: Tensor, classes: Tensor, *, class_count: int) -> Tensor:
    """Return the votes of neighbours with weight exp(s / 0.07), `(m, c)` float64.

    Args:
        similarities: `(m, k)`, s of the k neighbours of each row.
        classes: `(m, k)`, int64, their classes.
        class_count: c.
    """
    votes = torch.zeros(len(similarities), class_count, dtype=torch.float64, device=similarities.device)
    return votes.scatter_add_(1, classes, torch.exp(similarities.double() / TEMPERATURE))


def vote(similarities: Tensor, classes: Tensor, *, class_count: int) -> Tensor:
    """Return the class with most votes of neighbours, `(m,)`; of equal votes the first class; see `count_votes`.

    Example:
        >>> vote(torch.tensor([[0.9, 0.2, 0.2]]), torch.tensor([[1, 0, 0]]), class_count=2)
        tensor([1])
    """
    return count_votes(similarities, classes, class_count=class_count).argmax(dim=1)


def _rank_votes(votes: Tensor) -> Tensor:
    sums, ranked = nearest_first(votes, k=min(TOP, votes.shape[1]))
    return torch.where(sums > 0, ranked, -1)
