"""Labels that a person gives between the rounds, from a file."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from simcore.downstream.label_files import read_labels


def label_from_file(train: pd.DataFrame, path: str | Path, *, classes: Sequence[str]) -> pd.DataFrame:
    r"""Return the training rows with the labels of a file in place of their own; None where it has none.

    Args:
        train: Training rows of a manifest.
        path: The file, see `read_labels`.
        classes: Class names that are known.

    Raises:
        InputError: As `read_labels`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> _ = path.write_text("key,label\nb.png,wren\n")
        >>> train = pd.DataFrame({"key": ["a.png", "b.png"], "label": ["robin", "robin"]})
        >>> label_from_file(train, path, classes=("robin", "wren"))["label"].tolist()
        [None, 'wren']
    """
    label = read_labels(path, keys=train["key"], classes=classes).to_dict()
    return train.assign(label=pd.Series([label.get(key) for key in train["key"]], index=train.index, dtype=object))
