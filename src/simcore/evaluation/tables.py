"""Outcomes of several encoders in two tables: accuracy by class, and what was taken for what."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from simcore.evaluation.outcome import Outcome

Found = tuple[str, int | None, Outcome]
"""Arm, seed and outcome."""

_OF = {"arm": "str", "seed": "Int64", "evaluation": "str", "protocol": "str"}
_PER_CLASS = _OF | {"class": "str", "n": "int64", "right": "int64", "accuracy": "float64"}
_CONFUSION = _OF | {"true": "str", "predicted": "str", "n": "int64"}


def per_class_table(found: Iterable[Found]) -> pd.DataFrame:
    """Return one row a class of the test images: `arm, seed, evaluation, protocol, class, n, right, accuracy`.

    Example:
        >>> outcome = Outcome("knn", "clean k=1", ("cat", "dog"), np.array([0, 0, 1]), np.array([[0], [1], [1]]))
        >>> per_class_table([("x", 0, outcome)])[["class", "n", "accuracy"]].values.tolist()
        [['cat', 2, 0.5], ['dog', 1, 1.0]]
    """
    return _join(((arm, seed, outcome, outcome.per_class()) for arm, seed, outcome in found), _PER_CLASS)


def confusion_table(found: Iterable[Found]) -> pd.DataFrame:
    """Return one row a pair of classes that occurs: `arm, seed, evaluation, protocol, true, predicted, n`.

    Example:
        >>> outcome = Outcome("knn", "clean k=1", ("cat", "dog"), np.array([0, 0, 1]), np.array([[0], [1], [1]]))
        >>> confusion_table([("x", 0, outcome)])[["true", "predicted", "n"]].values.tolist()
        [['cat', 'cat', 1], ['cat', 'dog', 1], ['dog', 'dog', 1]]
    """
    return _join(((arm, seed, outcome, _pairs(outcome)) for arm, seed, outcome in found), _CONFUSION)


def _pairs(outcome: Outcome) -> pd.DataFrame:
    counts = outcome.confusion()
    true, predicted = np.nonzero(counts)
    names = np.array(outcome.classes, dtype=object)
    return pd.DataFrame({"true": names[true], "predicted": names[predicted], "n": counts[true, predicted]})


def _join(parts: Iterable[tuple[str, int | None, Outcome, pd.DataFrame]], columns: dict[str, str]) -> pd.DataFrame:
    frames = [
        frame.assign(arm=arm, seed=seed, evaluation=outcome.evaluation, protocol=outcome.protocol)
        for arm, seed, outcome, frame in parts
    ]
    joined = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(columns))
    return joined[list(columns)].astype(columns)
