"""Images packed in Parquet: our own form (`key`, `image`, `label`, `split`), and that of Hugging Face data sets."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcore.errors import InputError, in_a_line
from simcore.images.packed_files import (
    IMAGE_COLUMN,
    features,
    image_column,
    is_bytes,
    is_bytes_and_path,
    open_parquet,
)
from simcore.images.remote_bytes import open_binary
from simcore.images.sources.reader import LISTING_ROWS, Reader, Request, listing_frame, split_of
from simcore.images.sources.shards import Shard, find_shards, last_name, recognises_shards, splits_by_name
from simcore.images.uris import packed_uri

SUFFIX = ".parquet"

_MAGIC = b"PAR1"


@dataclass(frozen=True)
class _Layout:
    """The columns of a file.

    Attributes:
        shard: the file.
        rows: how many it has.
        key: column of the keys; None where there is none.
        path: column of the images' own paths, such as `image.path`; None where there is none.
        label: column of the classes; None where there is none.
        names: of the classes, by number; empty where the column itself holds them.
        split: column of the splits; None where there is none.
    """

    shard: Shard
    rows: int
    key: str | None
    path: str | None
    label: str | None
    names: tuple[str, ...]
    split: str | None


def recognises(place: str | Path) -> bool:
    """Return whether `place` is a Parquet file of images, by its first bytes, or a folder or pattern of such files."""
    if recognises_shards(place, suffixes=[SUFFIX]):
        return True
    return is_parquet(place) and not is_list(place)


def is_parquet(place: str | Path) -> bool:
    """Return whether `place` is a Parquet file: by its first bytes, of a URL that ends as one."""
    if isinstance(place, Path):
        if not place.is_file():
            return False
    elif not last_name(place).endswith(SUFFIX):
        return False
    try:
        with open_binary(place) as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except FileNotFoundError:
        return False
    except OSError as error:
        raise InputError(f"{place} cannot be read ({in_a_line(error)}); check the path and your access.") from error


def is_list(place: str | Path) -> bool:
    """Return whether the Parquet file at `place` names images by their `uri` and holds none itself."""
    try:
        with open_parquet(str(place)) as file:
            schema = file.schema_arrow
    except (pa.ArrowException, OSError):
        return False
    return "uri" in schema.names and image_column(schema) is None


def list_images(place: str | Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the rows of the packed file or files at `place`. Images are not read.

    Keys are the column `key`. Hugging Face's layout has none: keys are the paths in its column of images where these
    are unique over all files, else `<file>/<row>` with the row in eight digits, as in
    `train-00000-of-00002/00000041`, so that the order of keys is that of the rows. Names of classes are those of the
    metadata; class -1, which stands for a withheld one, is none. The split is the column `split`, in which validation
    is train, else what the names of the files say, see `splits_by_name`.

    Of the files only their columns of text are read, those of Hugging Face's paths twice; memory is that of a frame
    and, where there are such paths, 8 bytes an image.

    Raises:
        InputError: a file is damaged, there are no rows, a column is missing or of a wrong type, a key is empty, a
            class has no name, or labels are insisted on where there are none.
    """
    shards = find_shards(place, suffixes=[SUFFIX])
    named = splits_by_name(shards, request)
    layouts = [_read_layout(shard) for shard in shards]
    if not sum(layout.rows for layout in layouts):
        raise InputError(f"{place} has no rows; a packed source needs at least one image.")
    by_path = _paths_tell(layouts)
    labelled = False
    for layout in layouts:
        start = 0
        for batch in _batches(layout, [layout.key or (layout.path if by_path else None), layout.label, layout.split]):
            keys = _keys(batch, layout, start=start, by_path=by_path)
            uris = [packed_uri(layout.shard.path, start + row) for row in range(len(keys))]
            labels = None if request.labels == "none" else _labels(batch, layout, start=start)
            labelled = labelled or (labels is not None and any(labels))
            splits: Any = named[layout.shard.name]
            if layout.split is not None:
                splits = [split_of(word) for word in _text(batch, layout.split, layout=layout)]
            yield listing_frame(keys, uris, labels=labels, splits=splits)
            start += len(keys)
    if request.labels == "folder" and not labelled:
        raise InputError(f"`labels` is 'folder', but {place} has no labels; add a column `label`, or use 'none'.")


def _read_layout(shard: Shard) -> _Layout:
    with _opened(shard) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
    found = ", ".join(f"`{name}`" for name in schema.names)
    forms = (
        f"a packed source has `key`, `{IMAGE_COLUMN}` (encoded bytes) and, if known, `label` and `split`, "
        f"or is a Hugging Face data set of images."
    )
    image = image_column(schema)
    if image is None:
        missing = IMAGE_COLUMN if "key" in schema.names else "key"
        raise InputError(f"{shard.path} lacks the column `{missing}` (it has {found}); {forms}")
    kind = schema.field(image).type
    key = "key" if "key" in schema.names else None
    if not is_bytes(kind) and not is_bytes_and_path(kind):
        raise InputError(
            f"Column `{image}` of {shard.path} has the type {kind}; it must be binary, the bytes of a PNG or JPEG file "
            "a row, or a struct of `bytes` and `path`."
        )
    if key is None and is_bytes(kind):
        raise InputError(f"{shard.path} lacks the column `key` (it has {found}); {forms}")
    has_path = is_bytes_and_path(kind) and kind.get_field_index("path") >= 0
    classes = {name: feature for name, feature in features(schema).items() if feature.get("_type") == "ClassLabel"}
    label = next(iter(classes)) if len(classes) == 1 else None
    label = "label" if "label" in schema.names else label if label in schema.names else None
    names = classes.get(label or "", {}).get("names") or ()
    return _Layout(
        shard,
        rows,
        key=key,
        path=f"{image}.path" if has_path else None,
        label=label,
        names=tuple(str(name) for name in names) if isinstance(names, list) else (),
        split="split" if "split" in schema.names else None,
    )


@contextmanager
def _opened(shard: Shard) -> Iterator[pq.ParquetFile]:
    try:
        with open_parquet(shard.path) as file:
            yield file
    except FileNotFoundError as error:
        raise InputError(f"{shard.path} does not exist; add it, or correct the path.") from error
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{shard.path} is not a whole Parquet file ({in_a_line(error)}); pack it again.") from error


def _batches(layout: _Layout, columns: Sequence[str | None]) -> Iterator[pa.RecordBatch]:
    """Yield the wanted columns in batches; of no column, the number of rows."""
    wanted = [column for column in columns if column is not None]
    if not wanted:
        for start in range(0, layout.rows, LISTING_ROWS):
            rows = min(LISTING_ROWS, layout.rows - start)
            yield pa.RecordBatch.from_arrays([pa.nulls(rows)], ["nothing"])
        return
    with _opened(layout.shard) as file:
        yield from file.iter_batches(batch_size=LISTING_ROWS, columns=wanted)


def _paths_tell(layouts: Sequence[_Layout]) -> bool:
    """Return whether every row without a key has a path, and no two have the same."""
    hashes = []
    for layout in layouts:
        if layout.key is not None:
            continue
        if layout.path is None:
            return False
        for batch in _batches(layout, [layout.path]):
            paths = _paths(batch, layout.path)
            if paths.null_count or "" in paths.to_pylist():
                return False
            hashes.append(pd.util.hash_array(paths.to_numpy(zero_copy_only=False), categorize=False))
    joined = np.sort(np.concatenate(hashes)) if hashes else np.empty(0, np.uint64)
    return bool(len(joined)) and not (joined[1:] == joined[:-1]).any()


def _paths(batch: pa.RecordBatch, path: str) -> pa.Array:
    column, _, field = path.rpartition(".")
    struct = batch.column(column)
    return pc.struct_field(struct, field).cast(pa.string())


def _keys(batch: pa.RecordBatch, layout: _Layout, *, start: int, by_path: bool) -> list[str]:
    if layout.key is not None:
        keys = _text(batch, layout.key, layout=layout)
        empty = next((row for row, key in enumerate(keys) if not key), None)
        if empty is not None:
            raise InputError(f"Row {start + empty} of {layout.shard.path} has no key; give each image a unique key.")
        return keys
    if by_path and layout.path is not None:
        return _paths(batch, layout.path).to_pylist()
    name = layout.shard.name.removeprefix("data/")
    return [f"{name}/{start + row:08d}" for row in range(batch.num_rows)]


def _labels(batch: pa.RecordBatch, layout: _Layout, *, start: int) -> list[str | None] | None:
    if layout.label is None:
        return None
    if not layout.names:
        return [label or None for label in _text(batch, layout.label, layout=layout)]
    column = batch.column(layout.label)
    if not pa.types.is_integer(column.type):
        return [label or None for label in _text(batch, layout.label, layout=layout)]
    numbers = column.to_pylist()
    beyond = next(
        (row for row, number in enumerate(numbers) if number is not None and number >= len(layout.names)), None
    )
    if beyond is not None:
        raise InputError(
            f"Row {start + beyond} of {layout.shard.path} has the class {numbers[beyond]}, but its metadata name "
            f"{len(layout.names)} classes, from 0 on; pack it again."
        )
    return [None if number is None or number < 0 else layout.names[number] for number in numbers]


def _text(batch: pa.RecordBatch, name: str, *, layout: _Layout) -> list[Any]:
    try:
        return batch.column(name).cast(pa.string()).to_pylist()
    except pa.ArrowException as error:
        kind = batch.schema.field(name).type
        raise InputError(f"Column `{name}` of {layout.shard.path} has the type {kind}; it must be text.") from error


READER = Reader(
    takes="a packed Parquet file",
    recognises=recognises,
    list_images=list_images,
    remote=True,
)
