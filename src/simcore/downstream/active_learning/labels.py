"""Labels that a person gives, from a file."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from simcore.errors import InputError

_COLUMNS = ("key", "label")
_SHOWN = 5


def label_from_file(train: pd.DataFrame, path: str | Path, *, classes: Sequence[str]) -> pd.DataFrame:
    r"""Return the training rows with the labels of a file in place of their own; None where it has none.

    The file is CSV with the columns `key` and `label`; others are ignored, as are lines whose label is empty.
    Everything is read as text: a class may be called 7 or NA. A key may come twice with the same label.

    Args:
        train: Training rows of a manifest.
        path: The file.
        classes: Class names that are known.

    Raises:
        InputError: The file is no such table, a key has two labels, or keys or classes are not known: they are listed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> _ = path.write_text("key,label\nb.png,wren\n")
        >>> train = pd.DataFrame({"key": ["a.png", "b.png"], "label": ["robin", "robin"]})
        >>> label_from_file(train, path, classes=("robin", "wren"))["label"].tolist()
        [None, 'wren']
    """
    given = _read(Path(path))
    known = set(train["key"])
    strange = [key for key in given["key"] if key not in known]
    if strange:
        raise InputError(
            f"{path} labels {_some(strange)}, which {'is' if len(strange) == 1 else 'are'} not among the {len(train)} "
            "training images of the target; keys are those of the list of images to label: correct or remove them."
        )
    names = set(classes)
    unknown = sorted({label for label in given["label"] if label not in names})
    if unknown:
        raise InputError(
            f"{path} has labels that are none of the {len(classes)} classes of the test images: {_some(unknown)}; the "
            f"classes are {_some(sorted(names))}: correct the spelling, or add test images of the class."
        )
    label = dict(zip(given["key"], given["label"], strict=True))
    return train.assign(label=pd.Series([label.get(key) for key in train["key"]], index=train.index, dtype=object))


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # pandas' errors of parsing, and of text that is no UTF-8, are ValueErrors
        raise InputError(
            f"{path} cannot be read as a table of labels ({error}); give CSV text with the columns key and label."
        ) from error
    absent = [name for name in _COLUMNS if name not in table]
    if absent:
        raise InputError(
            f"{path} has the columns {', '.join(map(str, table.columns))}, but no {' and no '.join(absent)}; its first "
            "line has to be `key,label`."
        )
    table = table.assign(label=table["label"].str.strip())
    filled = table.loc[table["label"] != "", list(_COLUMNS)].drop_duplicates()
    twice = filled.loc[filled["key"].duplicated(), "key"].tolist()
    if twice:
        raise InputError(f"{path} gives two labels to {_some(twice)}; each image has one: remove the other.")
    return filled


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + more
