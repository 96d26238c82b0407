"""A seeded train/test split that does not depend on the order in which a disk lists its files."""

import numpy as np
import pandas as pd

from simcore.errors import InputError
from simcore.images.sampling import hash_ranks


def stratified_split(keys: pd.Series, labels: pd.Series, *, test_fraction: float, seed: int) -> pd.Series:
    """Return "train" or "test" for each key, `test_fraction` of each class being test.

    Within a class the keys are ordered by a hash of (seed, key) and the first round(test_fraction x n) are
    test, at least one of each where the class has two images or more; a class of one image is train, and so is an
    image without a class. So the answer is a function of the set of keys, not of their order, and it is the same on
    every machine.

    Args:
        keys: unique keys.
        labels: the class of each key, in the same order.
        test_fraction: from 0 (everything is train) to below 1.
        seed: another seed, another split.

    Raises:
        InputError: `test_fraction` is out of range.

    Example:
        >>> keys = pd.Series(["a", "b", "c", "d"])
        >>> stratified_split(keys, pd.Series(["cat"] * 4), test_fraction=0.5, seed=0).value_counts().to_dict()
        {'train': 2, 'test': 2}
    """
    if not 0 <= test_fraction < 1:
        raise InputError(f"`test_fraction` is {test_fraction}; it must be at least 0 and below 1.")
    codes, _ = pd.factorize(labels)
    is_test = draw_test(hash_ranks(keys, seed=seed), codes, test_fraction=test_fraction)
    return pd.Series(np.where(is_test, "test", "train"), index=keys.index, dtype="str", name="split")


def draw_test(ranks: np.ndarray, classes: np.ndarray, *, test_fraction: float) -> np.ndarray:
    """Return which images are test, see `stratified_split`: (n,) bool.

    Args:
        ranks: of `hash_ranks`.
        classes: (n,) integers, -1 for an image without a class.
        test_fraction: from 0 to below 1.
    """
    order = np.lexsort((ranks["low"], ranks["high"], classes))
    ordered = classes[order]
    _, starts, counts = np.unique(ordered, return_index=True, return_counts=True)
    wanted = np.round(test_fraction * counts)
    if test_fraction > 0:
        wanted = np.maximum(wanted, 1)
    wanted = np.minimum(wanted, counts - 1)
    place = np.arange(len(order)) - np.repeat(starts, counts)
    is_test = np.empty(len(order), dtype=bool)
    is_test[order] = (place < np.repeat(wanted, counts)) & (ordered >= 0)
    return is_test
