"""Lists of images: written with the facts of their selection, and read back as keys or uris."""

import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from simcore.errors import InputError, in_a_line
from simcore.tables import read_table

LOGGER = logging.getLogger(__name__)

SELECTION_COLUMNS = ("round", "centroid", "similarity", "source")
"""What a selection knows of an image."""

LIST_COLUMNS = ("key", "uri", "label", "split", *SELECTION_COLUMNS)
"""Columns of a written list; `label` is left out unless every image has one."""

_TEXT = (".txt", ".lst", ".list")
_TABLES = (".csv", ".parquet")
_NAMES_SHOWN = 10


def write_list(images: pd.DataFrame, path: str | Path, *, uris: Sequence[str] | None = None) -> None:
    r"""Write `images` as CSV, one line each in their order; numbers that are not known stay empty.

    Args:
        images: Columns `key`, `uri` and any of `LIST_COLUMNS`.
        path: Of the CSV file.
        uris: Where the images are now; None where `uri` says.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "images.csv"
        >>> write_list(pd.DataFrame({"key": ["a.png"], "uri": ["/pool/a.png"], "round": [1]}), file)
        >>> file.read_text()
        'key,uri,round\na.png,/pool/a.png,1\n'
    """
    frame = images if uris is None else images.assign(uri=list(uris))
    frame[[name for name in LIST_COLUMNS if name in frame]].to_csv(path, index=False, lineterminator="\n")


def read_list(path: str | Path) -> pd.DataFrame:
    r"""Return a list of images as text columns `key` and `uri`, either of which may be missing.

    A text file (`.txt`, `.lst`, `.list`) has one key or uri a line and gives the column `entry` instead; a table
    (`.csv`, `.parquet`) has a column `key` or `uri`, or both.

    Raises:
        InputError: If there is no such file, it has another ending, no such column, or no entries.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "picks.txt"
        >>> _ = file.write_text("cat/0.png\n\ndog/1.png\n")
        >>> read_list(file)["entry"].tolist()
        ['cat/0.png', 'dog/1.png']
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is no file; give a list of images, one of {', '.join((*_TEXT, *_TABLES))}.")
    ending = path.suffix.lower()
    if ending not in (*_TEXT, *_TABLES):
        raise InputError(f"{path} ends in '{path.suffix}'; a list of images is one of {', '.join((*_TEXT, *_TABLES))}.")
    try:
        frame = _read_lines(path) if ending in _TEXT else _read_columns(path, ending)
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:  # Arrow calls a damaged footer an OSError
        raise InputError(f"{path} cannot be read as {ending} ({in_a_line(error)}); write it again.") from error
    if frame.empty:
        raise InputError(f"{path} names no image; a list has at least one.")
    return frame


def _read_lines(path: Path) -> pd.DataFrame:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return pd.DataFrame({"entry": [line for line in lines if line.strip()]}, dtype="str")


def _read_columns(path: Path, ending: str) -> pd.DataFrame:
    if ending == ".csv":
        with pyarrow.csv.open_csv(path) as reader:
            present = reader.schema.names
    else:
        present = pq.read_schema(path).names
    wanted = [name for name in ("key", "uri") if name in present]
    if not wanted:
        found = ", ".join(f"`{name}`" for name in present)
        raise InputError(f"{path} has the columns {found}; a list of images has `key` or `uri`.")
    if ending == ".csv":
        # As text: a key of digits alone is no number.
        options = pyarrow.csv.ConvertOptions(
            include_columns=wanted, column_types={name: pa.string() for name in wanted}, strings_can_be_null=True
        )
        table = pyarrow.csv.read_csv(path, convert_options=options)
    else:
        table = read_table(path, columns=wanted)
        table = pa.table({name: table.column(name).cast(pa.string()) for name in wanted})
    frame = pd.DataFrame({name: pd.Series(table.column(name).to_pandas(), dtype="str") for name in wanted})
    return frame.dropna(how="all")


def resolve_list(listed: pd.DataFrame, manifest: pd.DataFrame, *, path: str | Path) -> pd.DataFrame:
    """Return the rows of `manifest` that a list names, in the order of the list, each once.

    An entry is looked up as a key, then as a uri; a relative uri starts at the list's own folder.

    Args:
        listed: From `read_list`.
        manifest: Columns `key` and `uri` and any others.
        path: Of the list.

    Raises:
        InputError: If entries are neither, with the first ten of them and their number.

    Example:
        >>> manifest = pd.DataFrame({"key": ["a", "b"], "uri": ["/pool/a.png", "/pool/b.png"]})
        >>> listed = pd.DataFrame({"entry": ["b", "a.png"]})
        >>> resolve_list(listed, manifest, path="/pool/picks.txt")["key"].tolist()
        ['b', 'a']
    """
    by_key = "entry" in listed or "key" in listed
    entries = listed["entry" if "entry" in listed else "key" if "key" in listed else "uri"]
    addresses = listed.get("uri", entries)
    rows = _look_up(entries, manifest["key"]) if by_key else np.full(len(listed), -1)
    for anchor in (None, Path(path).absolute().parent):
        missing = rows < 0
        wanted = addresses[missing]
        if anchor is not None:
            wanted = wanted.map(partial(_anchored, folder=anchor), na_action="ignore")
        rows[missing] = _look_up(wanted, manifest["uri"])
    unknown = entries.where(entries.notna(), addresses)[rows < 0].tolist()
    if unknown:
        more = f" and {len(unknown) - _NAMES_SHOWN:,} more" if len(unknown) > _NAMES_SHOWN else ""
        shown = ", ".join(repr(entry) for entry in unknown[:_NAMES_SHOWN])
        raise InputError(
            f"{len(unknown):,} of the {len(listed):,} entries of {path} are neither a key nor a uri of the open-set: "
            f"{shown}{more}; list images of this open-set, or point `openset.source` at theirs."
        )
    _, first = np.unique(rows, return_index=True)
    repeated = len(rows) - len(first)
    if repeated:
        LOGGER.warning("%d entries of %s name an image that came before; each image counts once.", repeated, path)
    return manifest.iloc[rows[np.sort(first)]].reset_index(drop=True)


def _look_up(wanted: pd.Series, column: pd.Series) -> np.ndarray:
    """Return the row of `column` that each value is at first, -1 where it is nowhere."""
    rows = np.flatnonzero(~column.duplicated().to_numpy())
    found = pd.Index(column.iloc[rows].astype(object)).get_indexer(pd.Index(wanted.astype(object)))
    return np.where(found >= 0, rows[found], -1)


def _anchored(uri: str, *, folder: Path) -> str:
    # normpath, not resolve: manifests keep the links of the paths they were given.
    return uri if "://" in uri else os.path.normpath(folder / uri)
