"""Other labels of the same images: what they may be, and how the paper counted them."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from simcore.errors import InputError
from simcore.evaluation.naming import name_sources
from simcore.evaluation.outcome import Outcome
from simcore.images.manifest import MANIFEST_COLUMNS

NO_ATTRIBUTES = frozenset({"mask", "mask_coding", "boxes"})
"""Further columns of a manifest that are not labels."""

_MOST_CLASSES = 0.5


def attribute_columns(manifest: pd.DataFrame, *, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the columns of a manifest that label its images in another way.

    Without `wanted` these are its text columns beyond those of every manifest that differ from `label`, hold at
    least two values, and fewer than half as many as there are images (more is a name or a comment, not a class).

    Raises:
        InputError: A wanted column is not there, or there is none.

    Example:
        >>> manifest = pd.DataFrame({"label": list("abcd"), "family": list("xxyy"), "mask": list("mnop")})
        >>> attribute_columns(manifest)
        ('family',)
    """
    further = [column for column in manifest.columns if column not in MANIFEST_COLUMNS and column not in NO_ATTRIBUTES]
    text = [column for column in further if pd.api.types.is_string_dtype(manifest[column].dtype)]
    if wanted is not None:
        missing = [column for column in wanted if column not in text]
        if missing:
            raise InputError(
                f"The manifest of {name_sources(manifest)} has no label column '{missing[0]}'; it has "
                f"{', '.join(text) or 'none beside `label`'}."
            )
        return tuple(wanted)
    found = tuple(
        column
        for column in text
        if not manifest[column].equals(manifest["label"].rename(column))
        and 2 <= manifest[column].nunique() <= _MOST_CLASSES * len(manifest)  # noqa: PLR2004
    )
    if not found:
        raise InputError(
            f"The manifest of {name_sources(manifest)} has no label column beside `label`; data sets such as aircraft, "
            "cars and faces have some. Give one of these as `target.source`, or name columns with `attributes.columns`."
        )
    return found


def add_deflated_mean(outcome: Outcome, *, class_count: int) -> Outcome:
    """Return the outcome with `mean_per_class_published`: the accuracies of the classes divided by `class_count`.

    The paper's values for manufacturer and family of aircraft fit a mean over its 100 variants instead of the 30 and 70
    classes that there are (supplied code: the number of classes is configured, not counted).

    Example:
        >>> import numpy as np
        >>> right = Outcome("attribute_make", "clean", ("a", "b"), np.array([0, 1]), np.array([[0], [1]]))
        >>> [round(record["value"], 2) for record in add_deflated_mean(right, class_count=8).records()]
        [1.0, 1.0, 0.25]
    """
    deflated = float(outcome.per_class()["accuracy"].sum()) / class_count
    return replace(outcome, choices={**outcome.choices, "mean_per_class_published": deflated})
