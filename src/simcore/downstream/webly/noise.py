"""Wrong labels: planted ones, that are known, and labels from a file."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from simcore.errors import InputError
from simcore.supervised import draw_share

Noise = Literal["symmetric", "next"]

_NAMES_SHOWN = 10
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


def read_labels(path: str | Path, *, keys: Sequence[str], classes: Sequence[str]) -> pd.Series:
    r"""Return the labels that a file gives, by key: some or all of those of `keys`.

    Args:
        path: CSV or Parquet with the columns `key` and `label`.
        keys: Images that may be named.
        classes: Classes that may be named.

    Raises:
        InputError: There is no such file, a column is missing, a label is empty, a key comes twice, or keys or classes
            are unknown, which are listed.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> _ = file.write_text("key,label\nb.png,dog\n")
        >>> read_labels(file, keys=["a.png", "b.png"], classes=["cat", "dog"]).to_dict()
        {'b.png': 'dog'}
    """
    path = Path(path)
    frame = _read(path)
    without = frame["label"].isna() | (frame["label"] == "")
    if without.any():
        raise InputError(f"{path} gives no label to '{frame['key'][without].iloc[0]}'; fill it in, or drop the line.")
    repeated = frame["key"].duplicated()
    if repeated.any():
        raise InputError(f"{path} has key '{frame['key'][repeated].iloc[0]}' more than once; keep one line of each.")
    for what, found, known, advice in (
        ("keys", frame["key"], keys, "take keys from the training images of the manifest"),
        ("classes", frame["label"].drop_duplicates(), classes, f"the classes are {_some(sorted(classes))}"),
    ):
        unknown = found[~found.isin(list(known))]
        if len(unknown):
            raise InputError(f"{path} has {len(unknown)} unknown {what}: {_some(unknown)}; {advice}.")
    return frame.set_index("key")["label"]


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path} is no file; give a .csv or .parquet with the columns `key` and `label`.")
    ending = path.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise InputError(f"{path} ends in '{path.suffix}'; labels are read from .csv and .parquet.")
    try:
        if ending == ".csv":
            text = pyarrow.csv.ConvertOptions(column_types={"key": pa.string(), "label": pa.string()})
            table = pyarrow.csv.read_csv(path, convert_options=text)
        else:
            table = pq.read_table(path)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as {ending} ({error}); write it again.") from error
    missing = [name for name in ("key", "label") if name not in table.column_names]
    if missing:
        raise InputError(
            f"{path} lacks the column {' and '.join(missing)}; it has {', '.join(table.column_names)} and needs `key` "
            "and `label`."
        )
    return table.select(["key", "label"]).cast(pa.schema([("key", pa.string()), ("label", pa.string())])).to_pandas()


def _some(names: Sequence[str] | pd.Series) -> str:
    names = list(names)
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_NAMES_SHOWN]) + more
