"""One shard of embeddings, mapped: rows are seen where they stand in the file, without a copy."""

import mmap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simcore.errors import reading


class MappedShard:
    """An open shard: keys and rows of its row groups.

    Args:
        path: a shard with columns `key` and `embedding`.
        dim: length of an embedding.
    """

    def __init__(self, path: Path, *, dim: int) -> None:
        self._path, self._dim = path, dim
        with reading(path), path.open("rb") as file:
            self._parquet = pq.ParquetFile(path, memory_map=True)
            # Arrays that still look into the map keep it alive; it closes with the last of them.
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.n_groups = self._parquet.num_row_groups

    def __enter__(self) -> "MappedShard":
        return self

    def __exit__(self, *_: object) -> None:
        self._parquet.close()

    def group_rows(self, group: int) -> int:
        """Return how many rows a row group has."""
        return self._parquet.metadata.row_group(group).num_rows

    def keys(self, group: int) -> pa.StringArray:
        """Return the keys of a row group."""
        with reading(self._path):
            keys = _joined(self._parquet.read_row_group(group, columns=["key"], use_threads=False).column(0))
            keys.validate(full=True)  # damaged lengths and bytes that are no UTF-8
            check_keys(keys, rows=self.group_rows(group))
            return keys

    def rows(self, group: int) -> np.ndarray:
        """Return the embeddings of a row group, (n, d) float16, read-only: a view of the file where it can be one."""
        with reading(self._path):
            return self._rows(group, self.group_rows(group))

    def _rows(self, group: int, count: int) -> np.ndarray:
        start = self._values_start(group, count * self._dim * 2)
        if start is not None:
            flat = np.frombuffer(self._map, dtype=np.float16, count=count * self._dim, offset=start)
            return flat.reshape(count, self._dim)
        table = self._parquet.read_row_group(group, columns=["embedding"], use_threads=False)
        column = _joined(table.column(0))
        if len(column) - column.null_count != count:
            raise ValueError(f"it holds {len(column) - column.null_count} embeddings for {count} rows")
        flat = np.frombuffer(column.buffers()[1], dtype=np.float16)[column.offset * self._dim :]
        return flat[: count * self._dim].reshape(count, self._dim)

    def _values_start(self, group: int, n_bytes: int) -> int | None:
        """Return where the embeddings of a row group stand in the file, or None where they are not one plain piece.

        An uncompressed PLAIN page of a required column is its values behind a short Thrift header. The header begins
        with the page's type (0, a data page) and its size: a page as large as the whole row group is the only one.
        """
        chunk = self._parquet.metadata.row_group(group).column(1)
        if chunk.compression != "UNCOMPRESSED" or "PLAIN" not in chunk.encodings or chunk.has_dictionary_page:
            return None
        if self._parquet.schema.column(1).max_definition_level != 0:
            return None
        header = self._map[chunk.data_page_offset : chunk.data_page_offset + 16]
        if header[:3] != b"\x15\x00\x15" or _thrift_integer(header[3:]) != n_bytes:
            return None
        return chunk.data_page_offset + chunk.total_compressed_size - n_bytes


def check_keys(keys: pa.Array | pa.ChunkedArray, *, rows: int) -> None:
    """Refuse keys of a shard that are not one for each row.

    Raises:
        ValueError: They are more, or fewer.
    """
    if len(keys) - keys.null_count != rows:
        raise ValueError(f"it holds {len(keys) - keys.null_count} keys for {rows} rows")


def _thrift_integer(data: bytes) -> int:
    """Return the zigzag varint at the beginning of `data`."""
    value = 0
    for place, byte in enumerate(data):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004
            break
    return (value >> 1) ^ -(value & 1)


def _joined(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, without a copy where it is one already."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
