"""How well a split into clean and noisy labels finds those that are known to be wrong."""

import numpy as np

from simcore.downstream.roc import area_under_roc
from simcore.errors import InputError


def measure_agreement(scores: np.ndarray, clean: np.ndarray | None, planted: np.ndarray) -> dict[str, float]:
    """Return `clean_precision`, `clean_recall` and `clean_auroc` of a split, shares from 0 to 1.

    Precision: how many of the images called clean have a right label; recall: how many of those with a right label are
    called clean; the area under the curve says how well the score orders them, wherever it is cut. What is not defined
    (nothing called clean, nothing or everything planted) is left out.

    Args:
        scores: Higher is cleaner, `(n,)`.
        clean: What is called clean, `(n,)` bool; None where the scores were not cut.
        planted: Whose label is wrong, `(n,)` bool.

    Raises:
        InputError: Lengths differ.

    Example:
        >>> found = measure_agreement(np.array([0.9, 0.8, 0.1]), np.array([1, 1, 0]) > 0, np.array([0, 1, 1]) > 0)
        >>> found
        {'clean_precision': 0.5, 'clean_recall': 1.0, 'clean_auroc': 1.0}
    """
    if len(scores) != len(planted) or (clean is not None and len(clean) != len(planted)):
        raise InputError(
            f"There are {len(scores)} scores{'' if clean is None else f', {len(clean)} verdicts'} and {len(planted)} "
            "labels; give as many of each."
        )
    right = ~np.asarray(planted, dtype=bool)
    found: dict[str, float] = {}
    if clean is not None and clean.any():
        found["clean_precision"] = float(right[clean].mean())
    if clean is not None and right.any():
        found["clean_recall"] = float(clean[right].mean())
    if right.any() and not right.all():
        found["clean_auroc"] = area_under_roc(scores, right)
    return found
