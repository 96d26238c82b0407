"""Own images named in a list: CSV, TSV or Parquet with a column `uri`, on a disk or behind a URL."""

import posixpath
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from simcore.errors import InputError, in_a_line
from simcore.images.manifest import MANIFEST_COLUMNS
from simcore.images.packed_files import open_parquet
from simcore.images.remote_bytes import open_binary
from simcore.images.sources.packed import is_list, is_parquet
from simcore.images.sources.reader import LISTING_COLUMNS, LISTING_ROWS, Reader, Request, listing_frame, split_of
from simcore.images.sources.shards import last_name
from simcore.source_text import is_url

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_OURS = ("uri", "key", "label", "split")
_NOT_TAKEN = frozenset({*LISTING_COLUMNS, *MANIFEST_COLUMNS, "boxes"})
_ELSEWHERE = "names a file of this machine, but the list comes from elsewhere; copy the list here first."
_OUTSIDE = "leads out of the list's own folder; write its absolute path, or move the list above its images."
_THIS_MACHINE = re.compile(r"(?:^|::)(?:file|local):")


def recognises(place: str | Path) -> bool:
    """Return whether `place` is a file that ends in .csv or .tsv, or a Parquet file with `uri` and without images."""
    if _delimiter(place) is not None:
        return is_url(str(place)) or Path(place).is_file()
    return is_parquet(place) and is_list(place)


def list_images(place: str | Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the images that the list at `place` names, in batches as they are read; the images are not looked at.

    Columns: `uri`; if known `key` (else the uri as it is written), `label` and `split`. Further columns of text go
    into the manifest, all of a CSV's and those of Parquet that are text; columns of the manifest's own names
    (`width`, `height`, `source`, ...) are left out. The split is "train" or "test"; "val", "valid" and "validation" are
    train, as in the official sets of three splits.

    A uri is an absolute path, a path below the list's own folder, or an fsspec URL, each with `#row=<n>` for a row of
    a packed file or `#bytes=<first>+<count>` for a member of a tar. A relative one that leads out of the folder is
    refused, and a list behind a URL may not name files of this machine: who hands on a list should not be able to
    reach for others' files.

    Raises:
        InputError: the list is damaged or empty, lacks `uri`, or has a row without one; a key is empty; a uri is
            refused; labels are insisted on where there are none.
    """
    resolve = _resolver(place)
    row, labelled = 0, False
    for batch in _read(place):
        columns = {name: batch.column(name).to_pylist() for name in _OURS if name in batch.schema.names}
        written = columns["uri"]
        keys = columns.get("key", written)
        for number, (uri, key) in enumerate(zip(written, keys, strict=True), start=row):
            if not uri or not key:
                name, hint = ("uri", "say where its image is") if not uri else ("key", "give each image a unique key")
                raise InputError(f"Row {number} of {place} has no {name}; {hint}, or remove the row.")
        uris = [resolve(uri) for uri in written]
        labels = [label or None for label in columns["label"]] if "label" in columns else None
        labels = None if request.labels == "none" else labels
        splits = [split_of(split) for split in columns["split"]] if "split" in columns else None
        frame = listing_frame(keys, uris, labels=labels, splits=splits)
        for name in batch.schema.names:
            if name not in _OURS:
                frame[name] = pd.Series(batch.column(name).to_pylist(), dtype="str")
        labelled = labelled or (labels is not None and any(labels))
        row += len(keys)
        yield frame
    if not row:
        raise InputError(f"{place} has no rows; a list names at least one image.")
    if request.labels == "folder" and not labelled:
        raise InputError(f"`labels` is 'folder', but {place} has no labels; add a column `label`, or use 'none'.")


def _read(place: str | Path) -> Iterator[pa.RecordBatch]:
    """Yield the columns that are taken, as text, in batches of `LISTING_ROWS` rows at most."""
    delimiter = _delimiter(place)
    with _checked(place):
        for batch in _read_parquet(place) if delimiter is None else _read_csv(place, delimiter=delimiter):
            for start in range(0, batch.num_rows, LISTING_ROWS):
                yield batch.slice(start, LISTING_ROWS)


def _read_csv(place: str | Path, *, delimiter: str) -> Iterator[pa.RecordBatch]:
    parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    with open_binary(place) as file, csv.open_csv(file, parse_options=parse) as reader:
        names = reader.schema.names
    taken = _taken(names, place=place)
    # Everything is text here: "007" is no number, and "NA" is a label.
    convert = csv.ConvertOptions(
        include_columns=taken,
        column_types=dict.fromkeys(taken, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
    )
    with open_binary(place) as file, csv.open_csv(file, parse_options=parse, convert_options=convert) as reader:
        yield from reader


def _read_parquet(place: str | Path) -> Iterator[pa.RecordBatch]:
    with open_parquet(str(place)) as file:
        schema = file.schema_arrow
        taken = _taken(schema.names, place=place)
        taken = [name for name in taken if name in _OURS or _is_text(schema.field(name).type)]
        for batch in file.iter_batches(batch_size=LISTING_ROWS, columns=taken):
            yield pa.RecordBatch.from_arrays([_as_text(batch, name, place=place) for name in taken], taken)


def _taken(names: list[str], *, place: str | Path) -> list[str]:
    if "uri" not in names:
        found = ", ".join(f"`{name}`" for name in names)
        raise InputError(
            f"{place} lacks the column `uri` (it has {found}); a list says there where each image is, and has "
            "`key`, `label` and `split` if known."
        )
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise InputError(f"{place} has the column `{repeated}` more than once; rename or remove one.")
    return [name for name in names if name in _OURS or (name and name not in _NOT_TAKEN)]


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _as_text(batch: pa.RecordBatch, name: str, *, place: str | Path) -> pa.Array:
    try:
        column = batch.column(name).cast(pa.string())
    except pa.ArrowException as error:
        kind = batch.schema.field(name).type
        raise InputError(f"Column `{name}` of {place} has the type {kind}; it must be text.") from error
    column.validate(full=True)  # bytes that are no UTF-8
    return column


@contextmanager
def _checked(place: str | Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError) as error:
        said = in_a_line(error)
        raise InputError(f"{place} cannot be read as a list ({said}); repair it, and save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"{place} cannot be read ({in_a_line(error)}); check the path and your access.") from error


def _resolver(place: str | Path) -> Callable[[str], str]:
    """Return the function from a uri as it is written to the one that is read."""
    remote = not isinstance(place, Path) and is_url(place)
    beside = _beside_url(str(place)) if remote else _beside_file(Path(place))

    def resolve(uri: str) -> str:
        if is_url(uri):
            if remote and _THIS_MACHINE.search(uri):
                raise _refused(uri, place, _ELSEWHERE)
            return uri
        if posixpath.isabs(uri):
            if remote:
                raise _refused(uri, place, _ELSEWHERE)
            return uri
        inside = posixpath.normpath(uri)
        if inside == ".." or inside.startswith("../"):
            raise _refused(uri, place, _OUTSIDE)
        return beside(inside)

    return resolve


def _refused(uri: str, place: str | Path, why: str) -> InputError:
    return InputError(f"'{uri}' in {place} {why}")


def _beside_file(place: Path) -> Callable[[str], str]:
    folder = str(place.absolute().parent).rstrip("/")
    return lambda name: f"{folder}/{name}"


def _beside_url(url: str) -> Callable[[str], str]:
    parts = url.split("::")
    number = next((number for number, part in enumerate(parts) if "://" in part), 0)
    scheme, _, path = parts[number].partition("://")
    folder = posixpath.dirname(path)
    head = f"{scheme}://{folder}/" if folder and folder != "/" else f"{scheme}://{folder}"
    before, after = parts[:number], parts[number + 1 :]
    return lambda name: "::".join([*before, head + name, *after])


def _delimiter(place: str | Path) -> str | None:
    return next((mark for ending, mark in _DELIMITERS.items() if last_name(place).lower().endswith(ending)), None)


READER = Reader(
    takes="a list of images (.csv, .tsv or Parquet with a column `uri`)",
    recognises=recognises,
    list_images=list_images,
    remote=True,
)
