"""Wrong labels that are planted, and so are known."""

import hashlib
from collections.abc import Sequence
from typing import Literal, get_args

import pandas as pd

from simcore.errors import InputError
from simcore.supervised import draw_share

Noise = Literal["symmetric", "next"]

_LEAST_CLASSES = 2


def plant_noise(
    labels: pd.Series, share: float, kind: Noise = "symmetric", seed: int = 0, *, classes: Sequence[str] | None = None
) -> pd.Series:
    """Return labels of which a share is wrong, with the same index.

    Which images, and which class they get, are functions of (seed, key), so that the noise does not depend on the order
    of the images or the machine, and a larger share holds the smaller ones. In each class the share is rounded up.

    Args:
        labels: Class names by key.
        share: From 0 to 1.
        kind: `symmetric`: any other class, all equally likely; `next`: the one after in the order of their names, the
            first after the last.
        seed: Another seed, other images and classes.
        classes: Names to draw from; None takes those of `labels`.

    Raises:
        InputError: `share` or `kind` is none, a label is missing, or there is one class alone.

    Example:
        >>> labels = pd.Series(["cat", "cat", "dog", "dog"], index=list("abcd"))
        >>> plant_noise(labels, 0.5, seed=1).to_dict()
        {'a': 'dog', 'b': 'cat', 'c': 'cat', 'd': 'dog'}
    """
    if not 0 <= share <= 1:
        raise InputError(f"`share` is {share:g}; the share of wrong labels is from 0 to 1.")
    if kind not in get_args(Noise):
        raise InputError(f"`kind` is '{kind}'; allowed are {', '.join(get_args(Noise))}.")
    if labels.isna().any():
        raise InputError(
            f"Image '{labels.index[labels.isna()][0]}' has no label, so none can be wrong; leave such images out."
        )
    names = sorted(set(labels if classes is None else classes))
    if len(names) < _LEAST_CLASSES:
        raise InputError(f"All labels are of the one class '{names[0]}'; a wrong label needs at least 2 classes.")
    if share == 0:
        return labels.copy()
    frame = pd.DataFrame({"key": labels.index.astype("str"), "label": labels.to_numpy()}, index=labels.index)
    # Salted: the same seed may draw shares of labels elsewhere, which the noise must not go along with.
    frame["key"] = "noise\0" + frame["key"]
    wrong = draw_share(frame, share=share, seed=seed)
    number = {name: position for position, name in enumerate(names)}
    count = len(names)
    noisy = labels.copy()
    noisy[wrong.index] = [
        names[(number[label] + 1 + (_draw(seed, key, count - 1) if kind == "symmetric" else 0)) % count]
        for key, label in zip(wrong["key"], wrong["label"], strict=True)
    ]
    return noisy


def _draw(seed: int, key: str, count: int) -> int:
    """Return a number below `count` that depends on seed and key alone."""
    digest = hashlib.blake2b(f"{seed}\0class\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count
