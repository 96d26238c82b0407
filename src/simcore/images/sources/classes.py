"""What the labels of a target must be like before anything is trained on them."""

from pathlib import Path

import pandas as pd

from simcore.errors import InputError


def check_classes(images: pd.DataFrame, *, path: Path) -> None:
    """Raise unless all images have a label or none has, and every test class has train images.

    Args:
        images: columns `key`, `label` and `split`, nulls allowed in the last two.
        path: the source, for the message.

    Raises:
        InputError: the rule is broken; the message names an image or a class.

    Example:
        >>> images = pd.DataFrame({"key": ["a", "b"], "label": ["cat", "dog"], "split": ["train", "test"]})
        >>> check_classes(images, path=Path("pets"))
        Traceback (most recent call last):
        simcore.errors.InputError: Test class 'dog' of pets has no train images; ...
    """
    missing = images["label"].isna()
    if missing.any() and not missing.all():
        raise InputError(
            f"Image '{images['key'][missing].iloc[0]}' of {path} has no class, but others have; "
            "give every image one, or set `labels` to 'none'."
        )
    train, test = (set(images["label"][images["split"] == split].dropna()) for split in ("train", "test"))
    extra = sorted(test - train)
    if extra:
        more = f" (nor have {len(extra) - 1} more test classes)" if len(extra) > 1 else ""
        raise InputError(
            f"Test class '{extra[0]}' of {path} has no train images{more}; "
            "add some to train, or remove the class from test."
        )
