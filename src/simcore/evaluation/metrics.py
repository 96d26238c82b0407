"""Which accuracy speaks for a data set, as the paper reports it."""

from collections.abc import Iterable, Mapping

import numpy as np

from simcore.errors import InputError

METRICS = ("top1", "mean_per_class")
"""Accuracies that may speak for a data set."""

MEAN_PER_CLASS = frozenset({"aircraft", "pets", "flowers", "indoor"})
"""Sources whose accuracy the SimCore paper means over classes (section 5.1, and its code); top-1 elsewhere."""


def headline_metrics(evaluations: Iterable[str], *, sources: Iterable[str]) -> Mapping[str, str]:
    """Return the metric that speaks for each evaluation, `top1` or `mean_per_class`.

    Args:
        evaluations: Names; `knn` is top-1 for every data set in the paper (table 7a).
        sources: What the test images are from, the manifest's column `source`; several are top-1.

    Example:
        >>> headline_metrics(["linear", "knn"], sources=["aircraft"])
        {'linear': 'mean_per_class', 'knn': 'top1'}
    """
    found = set(sources)
    chosen = "mean_per_class" if len(found) == 1 and found <= MEAN_PER_CLASS else "top1"
    return {evaluation: "top1" if evaluation == "knn" else chosen for evaluation in evaluations}


def accuracy(predicted: np.ndarray, true: np.ndarray, *, metric: str) -> np.ndarray:
    """Return the accuracy of predictions, `(...)` float64, over the classes that `true` has for `mean_per_class`.

    Args:
        predicted: Class numbers, `(..., n)`.
        true: Class numbers, `(n,)`.
        metric: One of `METRICS`.

    Raises:
        InputError: The metric is unknown.

    Example:
        >>> predicted, true = np.array([[0, 0, 0], [1, 0, 1]]), np.array([0, 0, 1])
        >>> accuracy(predicted, true, metric="top1").round(3), accuracy(predicted, true, metric="mean_per_class")
        (array([0.667, 0.667]), array([0.5 , 0.75]))
    """
    if metric not in METRICS:
        raise InputError(f"`metric` is '{metric}'; allowed are {', '.join(METRICS)}.")
    right = predicted == true
    if metric == "top1":
        return right.mean(axis=-1)
    classes = np.unique(true)
    return np.mean([right[..., true == number].mean(axis=-1) for number in classes], axis=0)
