"""What an evaluation found on the test images, and the figures that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from simcore.errors import InputError

TOP = 5


@dataclass(frozen=True, eq=False)
class Outcome:
    """The classes that were named for each test image, most likely first.

    Attributes:
        evaluation: Its name, such as `linear`.
        protocol: How it was done, such as `clean`; published numbers compare with `published` alone.
        classes: Class names; numbers below are positions in them.
        true: `(n,)` int64.
        ranked: `(n, k)` int64, the k most likely classes of each image; k is 1 where nothing is ranked, and -1 stands
            after the first where fewer classes come into question (kNN).
        choices: What was chosen on the way, such as the learning rate: further figures by name.

    Raises:
        InputError: Shapes differ, or there is no image.

    Example:
        >>> outcome = Outcome("knn", "clean k=1", ("cat", "dog"), np.array([0, 0, 1]), np.array([[0], [0], [0]]))
        >>> [(record["metric"], round(record["value"], 3)) for record in outcome.records()]
        [('top1', 0.667), ('mean_per_class', 0.5)]
        >>> outcome.confusion().tolist()
        [[2, 0], [1, 0]]
    """

    evaluation: str
    protocol: str
    classes: tuple[str, ...]
    true: np.ndarray
    ranked: np.ndarray
    choices: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the shapes."""
        if self.ranked.ndim != 2 or len(self.ranked) != len(self.true) or len(self.true) == 0:  # noqa: PLR2004
            raise InputError(
                f"`ranked` has shape {self.ranked.shape} and `true` {self.true.shape}; give (n, k) and (n,), n > 0."
            )

    @property
    def predicted(self) -> np.ndarray:
        """The most likely class of each image, `(n,)`."""
        return self.ranked[:, 0]

    @cached_property
    def _counts(self) -> np.ndarray:
        return np.bincount(self.true, minlength=len(self.classes))

    def per_class(self) -> pd.DataFrame:
        """Return one row a class that the test images have: `class`, `n`, `right`, `accuracy`."""
        right = np.bincount(self.true, weights=self.predicted == self.true, minlength=len(self.classes))
        there = np.flatnonzero(self._counts)
        return pd.DataFrame(
            {
                "class": np.array(self.classes, dtype=object)[there],
                "n": self._counts[there],
                "right": right[there].astype(np.int64),
                "accuracy": right[there] / self._counts[there],
            }
        )

    def confusion(self) -> np.ndarray:
        """Return how many images of class i were taken for class j, `(c, c)` int64."""
        size = len(self.classes)
        return np.bincount(self.true * size + self.predicted, minlength=size * size).reshape(size, size)

    def records(self) -> list[dict[str, Any]]:
        """Return `top1`, `top5` where more than 5 classes are ranked, `mean_per_class` and the choices, flat.

        Mean per-class accuracy is the mean over the classes that the test images have.
        """
        values = {"top1": float((self.predicted == self.true).mean())}
        if len(self.classes) > TOP and self.ranked.shape[1] >= TOP:
            values["top5"] = float((self.ranked[:, :TOP] == self.true[:, None]).any(axis=1).mean())
        values["mean_per_class"] = float(self.per_class()["accuracy"].mean())
        return [
            {"evaluation": self.evaluation, "metric": metric, "protocol": self.protocol, "value": value, "n": n}
            for n in [len(self.true)]
            for metric, value in {**values, **self.choices}.items()
        ]
