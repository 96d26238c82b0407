"""The manifest: one row an image, sorted by key, the same on every file system."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from simcore.errors import InputError, legible

SPLITS = ("train", "test")
_TEXT_COLUMNS = ("key", "uri", "label", "split", "source")
_SURROGATES = ("\ud800", "\udfff")
_SIZE_COLUMNS = ("width", "height")
MANIFEST_COLUMNS = ("key", "uri", "label", "split", "width", "height", "source")
REJECTED_COLUMNS = ("key", "uri", "reason")


def build_manifest(records: Iterable[Mapping[str, Any]] | pd.DataFrame) -> pd.DataFrame:
    """Return the manifest of `records`: typed, sorted by key and checked.

    Args:
        records: one mapping an image, or a frame with one row an image; `key`, `uri`, `split`, `width`,
            `height` and `source` are needed, `label` may be missing or null. Further columns are kept as they
            are.

    Raises:
        InputError: a column is missing, or a value breaks the contract of `check_manifest`.

    Example:
        >>> record = {"uri": "/birds/b.png", "split": "train", "width": 28, "height": 28, "source": "birds"}
        >>> build_manifest([{"key": "b.png", **record}, {"key": "a.png", **record}])["key"].tolist()
        ['a.png', 'b.png']
    """
    frame = records.copy() if isinstance(records, pd.DataFrame) else pd.DataFrame(list(records), dtype=object)
    if frame.empty:
        frame = frame.reindex(columns=list(MANIFEST_COLUMNS))
    if "label" not in frame.columns:
        frame["label"] = None
    _require_columns(frame)
    for column in _TEXT_COLUMNS:
        frame[column] = as_text(frame[column])
    for column in _SIZE_COLUMNS:
        frame[column] = _as_pixels(frame[column], keys=frame["key"])
    extra = [column for column in frame.columns if column not in MANIFEST_COLUMNS]
    frame = frame[[*MANIFEST_COLUMNS, *extra]].sort_values("key", kind="stable", ignore_index=True)
    check_manifest(frame)
    return frame


def check_manifest(frame: pd.DataFrame) -> None:
    """Raise unless `frame` is a manifest; the message names the first key that is at fault.

    Columns: `key` (unique, ascending), `uri`, `split` ("train" or "test") and `source` without nulls; `label`
        with
    nulls allowed; `width` and `height` int32 in pixels, at least 1. Further columns are allowed.

    Raises:
        InputError: the first rule that is broken, in one sentence.

    Example:
        >>> record = {"uri": "/birds/a.png", "split": "trian", "width": 28, "height": 28, "source": "birds"}
        >>> build_manifest([{"key": "a.png", **record}])
        Traceback (most recent call last):
        simcore.errors.InputError: The split of image 'a.png' is 'trian'; allowed are 'train' and 'test'.
    """
    _require_columns(frame)
    for column in _TEXT_COLUMNS:
        if not pd.api.types.is_string_dtype(frame[column].dtype):
            raise InputError(
                f"Manifest column `{column}` has the type {frame[column].dtype}; it must be text: "
                "make the manifest with `build_manifest`."
            )
    for column in ("key", "uri", "split", "source"):
        missing = frame[column].isna() | (frame[column] == "")
        if missing.any():
            row = int(np.argmax(missing.to_numpy()))
            where = f"row {row}" if column == "key" else f"image '{frame['key'].iloc[row]}'"
            raise InputError(f"Manifest column `{column}` is empty at {where}; give every image a {column}.")
    for column in _SIZE_COLUMNS:
        if frame[column].dtype != np.int32:
            raise InputError(
                f"Manifest column `{column}` has the type {frame[column].dtype}; it must be int32 (pixels): "
                "make the manifest with `build_manifest`."
            )
        bad = (frame[column] < 1).to_numpy()
        if bad.any():
            row = int(np.argmax(bad))
            raise InputError(
                f"The {column} of image '{frame['key'].iloc[row]}' is {frame[column].iloc[row]} pixels; "
                "it must be at least 1."
            )
    unknown = (~frame["split"].isin(SPLITS)).to_numpy()
    if unknown.any():
        row = int(np.argmax(unknown))
        raise InputError(
            f"The split of image '{frame['key'].iloc[row]}' is '{frame['split'].iloc[row]}'; "
            "allowed are 'train' and 'test'."
        )
    _check_keys(frame["key"])


def _check_keys(keys: pd.Series) -> None:
    repeated = keys.duplicated().to_numpy()
    if repeated.any():
        key = keys.iloc[int(np.argmax(repeated))]
        raise InputError(
            f"Key '{key}' occurs {int((keys == key).sum())} times; keys must be unique: rename or drop all but one."
        )
    values = keys.to_numpy(dtype=object)
    descending = np.flatnonzero(values[1:] < values[:-1])
    if descending.size:
        raise InputError(
            f"The manifest is not sorted: key '{values[descending[0] + 1]}' comes after "
            f"'{values[descending[0]]}'; sort it with `build_manifest`."
        )


def _require_columns(frame: pd.DataFrame) -> None:
    missing = [column for column in MANIFEST_COLUMNS if column not in frame.columns]
    if missing:
        names = ", ".join(f"`{column}`" for column in missing)
        raise InputError(
            f"The manifest lacks {names}; it needs the columns "
            f"{', '.join(f'`{column}`' for column in MANIFEST_COLUMNS)}."
        )


def as_text(values: pd.Series) -> pd.Series:
    """Return `values` as text, what is missing staying missing."""
    if pd.api.types.is_string_dtype(values.dtype) and not isinstance(values.dtype, np.dtype):
        return values.astype("str")
    texts = [_text(value, column=values.name, row=row) for row, value in enumerate(values)]
    return pd.Series(texts, index=values.index, dtype="str", name=values.name)


def _text(value: Any, *, column: Any, row: int) -> str | None:
    if isinstance(value, bytes) or not pd.api.types.is_scalar(value):
        raise InputError(
            f"Manifest column `{legible(column)}` holds {legible(repr(value))} in row {row}; it must be text."
        )
    text = None if pd.isna(value) else str(value)
    if text is not None and not text.isascii() and any(_SURROGATES[0] <= letter <= _SURROGATES[1] for letter in text):
        raise InputError(
            f"Manifest column `{legible(column)}` holds {legible(text)!r} in row {row}, which is no Unicode text; "
            "rename the file, or write the text as UTF-8."
        )
    return text


def _as_pixels(values: pd.Series, *, keys: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce")
    bad = (numbers.isna() | (numbers % 1 != 0) | (numbers > np.iinfo(np.int32).max)).to_numpy()
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f"The {values.name} of image '{keys.iloc[row]}' is {values.tolist()[row]!r}; "
            "it must be a whole number of pixels."
        )
    return numbers.astype(np.int32)
