"""Parquet files with encoded images in a column: ours, and those of Hugging Face data sets."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcore.images.remote_bytes import open_binary
from simcore.source_text import is_url

IMAGE_COLUMN = "image"

_BYTES_FIELD = "bytes"


@contextmanager
def open_parquet(path: str) -> Iterator[pq.ParquetFile]:
    """Yield the Parquet file at a path, mapped into memory, or at a URL, closed afterwards.

    Raises:
        OSError: it cannot be opened.
        pa.ArrowException: it is no Parquet file, or not a whole one.
    """
    if not is_url(path):
        with pq.ParquetFile(path, memory_map=True) as file:
            yield file
        return
    with open_binary(path) as source, pq.ParquetFile(source, pre_buffer=True) as file:
        yield file


def image_column(schema: pa.Schema) -> str | None:
    """Return the column that holds the images: `image`, or the only one that Hugging Face's metadata call an image.

    Example:
        >>> image_column(pa.schema([("key", pa.string()), ("image", pa.binary())]))
        'image'
    """
    if IMAGE_COLUMN in schema.names:
        return IMAGE_COLUMN
    named = [name for name, feature in features(schema).items() if feature.get("_type") == "Image"]
    return named[0] if len(named) == 1 and named[0] in schema.names else None


def is_bytes(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds bytes."""
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def is_bytes_and_path(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds Hugging Face's structs of `bytes` and `path`."""
    index = kind.get_field_index(_BYTES_FIELD) if pa.types.is_struct(kind) else -1
    return index >= 0 and is_bytes(kind.field(index).type)


def features(schema: pa.Schema) -> Mapping[str, Mapping[str, Any]]:
    """Return what Hugging Face's metadata say of each column; nothing where there are none that can be read."""
    try:
        found = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {str(name): feature for name, feature in found.items() if isinstance(feature, dict)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def row_group_bounds(path: str) -> np.ndarray:
    """Return the first row of each row group, and the number of rows at the end: (groups + 1,) int64."""
    with open_parquet(path) as file:
        counts = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def read_images(path: str, group: int) -> pa.ChunkedArray:
    """Return the encoded images of a row group, nulls where a row holds none.

    Raises:
        pa.ArrowException: the file is damaged, or has no column of images.
    """
    with open_parquet(path) as file:
        name = image_column(file.schema_arrow)
        if name is None:
            raise pa.ArrowInvalid(f"it has no column `{IMAGE_COLUMN}`")
        kind = file.schema_arrow.field(name).type
        if not is_bytes_and_path(kind):
            return file.read_row_group(group, columns=[name]).column(name)
        column = file.read_row_group(group, columns=[f"{name}.{_BYTES_FIELD}"]).column(name)
        return pa.chunked_array([pc.struct_field(chunk, _BYTES_FIELD) for chunk in column.chunks], pa.binary())


def count_image_bytes(path: str) -> tuple[int, int]:
    """Return how many rows the file has, and how many bytes their images take, by its metadata.

    Raises:
        OSError: it cannot be opened.
        pa.ArrowException: it is damaged.
    """
    with open_parquet(path) as file:
        metadata, name = file.metadata, image_column(file.schema_arrow)
        wanted = {name, f"{name}.{_BYTES_FIELD}"}
        size = 0
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            columns = (group.column(column) for column in range(group.num_columns))
            size += sum(column.total_uncompressed_size for column in columns if column.path_in_schema in wanted)
        return metadata.num_rows, size
