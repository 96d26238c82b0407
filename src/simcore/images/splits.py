"""A seeded train/test split that does not depend on the order in which a disk lists its files."""

import hashlib

import pandas as pd

from simcore.errors import InputError


def stratified_split(keys: pd.Series, labels: pd.Series, *, test_fraction: float, seed: int) -> pd.Series:
    """Return "train" or "test" for each key, `test_fraction` of each class being test.

    Within a class the keys are ordered by a hash of (seed, key) and the first round(test_fraction x n) are
    test, at least one of each where the class has two images or more; a class of one image is train. So the
    answer is a function of the set of keys, not of their order, and it is the same on every machine.

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
    frame = pd.DataFrame({"key": keys.to_numpy(), "label": labels.to_numpy()})
    frame["rank"] = [hashlib.sha256(f"{seed}\0{key}".encode()).hexdigest() for key in frame["key"]]
    frame = frame.sort_values("rank", kind="stable")
    count = frame.groupby("label")["key"].transform("size")
    wanted = (test_fraction * count).round()
    if test_fraction > 0:
        wanted = wanted.clip(lower=1)
    is_test = frame.groupby("label").cumcount() < wanted.clip(upper=count - 1)
    split = is_test.map({True: "test", False: "train"}).sort_index()
    return pd.Series(split.to_numpy(), index=keys.index, dtype="str", name="split")
