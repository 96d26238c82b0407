"""Labels that a person or a program gives, from a file."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from simcore.errors import InputError, in_a_line
from simcore.tables import read_table

_COLUMNS = ("key", "label")
_SHOWN = 10


def read_labels(path: str | Path, *, keys: Iterable[str], classes: Iterable[str]) -> pd.Series:
    r"""Return the labels that a file gives, by key: of some or all of `keys`, in the order of the file.

    The file is CSV or Parquet with the columns `key` and `label`; others are ignored. Everything is read as text: a
    class may be called 7 or NA. Spaces around a label do not count, and a line without a label gives none, so that a
    list of images to label can be filled in bit by bit. A key may come twice with the same label.

    Args:
        path: The file, `.csv` or `.parquet`.
        keys: Images that may be named.
        classes: Classes that may be named.

    Raises:
        InputError: The file is no such table, a key has two labels, or keys or classes are unknown: they are listed.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> _ = file.write_text("key,label\na.png,\nb.png,dog\n")
        >>> read_labels(file, keys=["a.png", "b.png"], classes=["cat", "dog"]).to_dict()
        {'b.png': 'dog'}
    """
    path = Path(path)
    table = _read(path)
    table = table.assign(label=table["label"].fillna("").str.strip())
    given = table[table["label"] != ""].drop_duplicates()
    twice = given.loc[given["key"].duplicated(), "key"]
    if len(twice):
        raise InputError(f"{path} gives more than one label to {_some(twice)}; each image has one: remove the others.")
    named = sorted(set(classes))
    for what, found, known, advice in (
        ("key", given["key"], keys, "take keys from the training images of the target's manifest"),
        ("class", given["label"].drop_duplicates(), named, f"the classes are {_some(named)}: correct the spelling"),
    ):
        unknown = found[~found.isin(list(known))]
        if len(unknown):
            many = what if len(unknown) == 1 else {"key": "keys", "class": "classes"}[what]
            raise InputError(f"{path} has {len(unknown)} unknown {many}: {_some(unknown)}; {advice}.")
    return given.set_index("key")["label"]


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path} is no file; give a .csv or .parquet with the columns `key` and `label`.")
    ending = path.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise InputError(f"{path} ends in '{path.suffix}'; labels are read from .csv and .parquet.")
    try:
        if ending == ".csv":
            text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(_COLUMNS, pa.string()))
            table = pyarrow.csv.read_csv(path, convert_options=text)
        else:
            table = read_table(path)
        names = list(table.column_names)
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:  # Arrow calls a damaged footer an OSError
        raise InputError(f"{path} cannot be read as {ending} ({in_a_line(error)}); write it again.") from error
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        raise InputError(
            f"{path} lacks the column {' and '.join(missing)}; it has {', '.join(names)} and needs `key` and `label`."
        )
    return table.select(_COLUMNS).cast(pa.schema([(name, pa.string()) for name in _COLUMNS])).to_pandas()


def _some(names: Sequence[str] | pd.Series) -> str:
    names = list(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + more
