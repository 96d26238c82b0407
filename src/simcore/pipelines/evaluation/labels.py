"""The target's parts and labels, as nodes look at them."""

import pandas as pd

from simcore.errors import InputError
from simcore.evaluation.labels import find_classes


def parts(target_manifest: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training and the test rows."""
    train, test = (target_manifest[target_manifest["split"] == split] for split in ("train", "test"))
    return train, test


def classes_of(target_manifest: pd.DataFrame, *, column: str = "label") -> tuple[str, ...]:
    """Return the classes by which the target is evaluated.

    Raises:
        InputError: No labels, no test images, one class alone, or a test class without training images.
    """
    if target_manifest[column].isna().all():
        raise InputError(
            f"The target has no labels (column `{column}`), which this evaluation needs; give a labelled source, such "
            "as a folder with one folder a class."
        )
    train, test = (part[column].astype(object).tolist() for part in parts(target_manifest))
    return find_classes(train, test)
