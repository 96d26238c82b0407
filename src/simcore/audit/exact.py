"""Exact duplicates: images of which a digest is the same."""

import numpy as np


def equal_digests(
    left: np.ndarray, right: np.ndarray, *, at_most: int, before: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions (i, j) of all pairs with `left[i] == right[j]`, of each i the `at_most` first j.

    Time (n + m) log m. Ordered by i, then j.

    Args:
        left: (n,) digests.
        right: (m,) digests, one or more.
        at_most: Pairs of a left row.
        before: (n,) position in `right` that each j must be below; None allows all.

    Example:
        >>> i, j = equal_digests(np.array([b"x", b"y"]), np.array([b"y", b"z", b"y"]), at_most=5)
        >>> i.tolist(), j.tolist()
        ([1, 1], [0, 2])
    """
    m = len(right)
    values, numbers = np.unique(right, return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order] * m + order
    number = np.minimum(np.searchsorted(values, left), len(values) - 1)
    first = np.searchsorted(ordered, number * m)
    last = np.searchsorted(ordered, number * m + (m if before is None else before))
    count = np.where(values[number] == left, np.minimum(last - first, at_most), 0)
    rows = np.repeat(np.arange(len(left)), count)
    offset = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    return rows, order[first[rows] + offset]
