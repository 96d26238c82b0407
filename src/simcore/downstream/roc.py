"""How well a score tells two kinds of images apart."""

import numpy as np
from scipy.stats import rankdata


def area_under_roc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Return the probability that a positive image scores above one that is not, ties counting one half.

    That is the area under the receiver operating characteristic; NaN where one of the kinds is missing. In
    O(n log n).

    Args:
        scores: `(n,)`.
        positive: `(n,)` bool.

    Example:
        >>> area_under_roc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, True, False, True]))
        0.875
    """
    positive = np.asarray(positive, dtype=bool)
    n, others = int(positive.sum()), int((~positive).sum())
    if n == 0 or others == 0:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * others))
