"""Which accuracy speaks for a data set, as the paper reports it."""

from collections.abc import Iterable, Mapping

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
