"""Writing embeddings: shards that appear only when whole, and go on after a kill."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from simcore.embeddings.reader import Embeddings, open_embeddings
from simcore.embeddings.shards import (
    UNFINISHED,
    check_header,
    embedding_schema,
    existing_shards,
    shard_name,
    to_half,
    write_shard,
)
from simcore.errors import InputError


class EmbeddingWriter:
    """Writes embeddings as shards that appear under their final names only when whole, and resumes.

    Every shard but the last has exactly `rows_per_shard` rows. When `directory` holds the leading shards of the
    same extraction, the writer continues after them: ask `rows_done` how many rows to skip.

    Args:
        directory: where the shards go; created when missing.
        dim: length of an embedding.
        metadata: JSON-ready facts kept in every shard (encoder fingerprint, transform, versions).
        rows_per_shard: rows of a shard; 65,536 rows of 512 float16 are 64 MiB.

    Raises:
        InputError: `directory` holds shards with other metadata, another `dim` or another `rows_per_shard`.

    Example:
        >>> import tempfile
        >>> directory = Path(tempfile.mkdtemp()) / "embeddings"
        >>> with EmbeddingWriter(directory, dim=4, metadata={"encoder": "none"}, rows_per_shard=2) as writer:
        ...     writer.write(["a", "b", "c"], np.eye(3, 4))
        >>> open_embeddings(directory)
        Embeddings(3 rows, dim 4, 2 shards)
    """

    def __init__(
        self, directory: str | Path, *, dim: int, metadata: Mapping[str, Any], rows_per_shard: int = 65_536
    ) -> None:
        if dim < 1 or rows_per_shard < 1:
            raise InputError(f"`dim` is {dim} and `rows_per_shard` is {rows_per_shard}; both must be at least 1.")
        self.directory = Path(directory)
        self.dim = dim
        self.rows_per_shard = rows_per_shard
        self._schema = embedding_schema(dim, metadata)
        self._keys: list[pa.Array] = []
        self._rows: list[np.ndarray] = []
        self._pending = 0
        self._closed = False
        self.directory.mkdir(parents=True, exist_ok=True)
        self._shards = self._adopt()
        (self.directory / UNFINISHED).touch()

    @property
    def rows_done(self) -> int:
        """Rows that already stand in whole shards: an extraction that resumes skips as many."""
        return self._shards * self.rows_per_shard

    def _adopt(self) -> int:
        """Return how many shards of an earlier run stay; a short last one is written again."""
        shards = existing_shards(self.directory)
        for number, path in enumerate(shards):
            check_header(path, self._schema)
            rows = pq.read_metadata(path).num_rows
            last = number == len(shards) - 1
            if rows > self.rows_per_shard or (rows < self.rows_per_shard and not last):
                raise InputError(
                    f"`{path}` has {rows:,} rows but `rows_per_shard` is {self.rows_per_shard:,}; resume with the "
                    "value of the first run or give an empty directory."
                )
            if rows < self.rows_per_shard:
                return number
        return len(shards)

    def write(self, keys: Sequence[str] | np.ndarray | pa.Array, rows: np.ndarray | torch.Tensor) -> None:
        """Append rows; a shard is written as soon as it is full.

        Args:
            keys: n unique strings.
            rows: (n, dim) real numbers, stored as float16.

        Raises:
            InputError: the shapes do not fit, or a value is NaN, infinite or beyond float16 (65,504).
        """
        names = keys if isinstance(keys, pa.Array) else pa.array([str(key) for key in keys], type=pa.string())
        half = to_half(names, rows, dim=self.dim)
        self._keys.append(names)
        self._rows.append(half)
        self._pending += len(half)
        while self._pending >= self.rows_per_shard:
            self._flush(self.rows_per_shard)

    def _flush(self, count: int) -> None:
        keys = pa.concat_arrays(self._keys)
        rows = self._rows[0] if len(self._rows) == 1 else np.concatenate(self._rows)
        self._keys, self._rows, self._pending = [keys.slice(count)], [rows[count:]], len(rows) - count
        write_shard(
            self.directory / shard_name(self._shards),
            keys.slice(0, count),
            rows[:count],
            schema=self._schema,
            rows_per_shard=self.rows_per_shard,
        )
        self._shards += 1

    def close(self) -> None:
        """Write the last, shorter shard and mark the directory as whole."""
        if self._closed:
            return
        if self._pending:
            self._flush(self._pending)
        elif self._shards == 0:
            raise InputError("No embedding was written; an embeddings directory needs at least one row.")
        for path in existing_shards(self.directory)[self._shards :]:
            path.unlink()
        (self.directory / UNFINISHED).unlink(missing_ok=True)
        self._closed = True

    def __enter__(self) -> "EmbeddingWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After an error the whole shards stay for the next run and the directory stays marked as unfinished.
        if kind is None:
            self.close()


def write_embeddings(
    directory: str | Path,
    keys: Sequence[str] | np.ndarray,
    rows: np.ndarray | torch.Tensor,
    *,
    metadata: Mapping[str, Any] | None = None,
    rows_per_shard: int = 65_536,
) -> "Embeddings":
    """Return the embeddings directory that holds `rows`, sorted by key: the way in for vectors from anywhere.

    Args:
        directory: where the shards go; must not hold embeddings yet.
        keys: n unique strings.
        rows: (n, d) real numbers, stored as float16.
        metadata: what should be known about them later (an `encoder` entry names their origin).
        rows_per_shard: rows of a shard.

    Raises:
        InputError: the directory already holds shards, keys repeat, or the rows do not fit float16.

    Example:
        >>> import tempfile
        >>> write_embeddings(Path(tempfile.mkdtemp()) / "mine", ["b", "a"], np.eye(2)).keys().tolist()
        ['a', 'b']
    """
    if existing_shards(directory):
        raise InputError(f"`{directory}` already holds embeddings; give another directory or remove it.")
    names = np.asarray(keys, dtype=np.str_)
    order = np.argsort(names, kind="stable")
    repeated = np.flatnonzero(names[order][1:] == names[order][:-1])
    if len(repeated):
        raise InputError(f"Key `{names[order][repeated[0]]}` stands twice in `keys`; keys must be unique.")
    array = rows if isinstance(rows, torch.Tensor) else np.asarray(rows)
    with EmbeddingWriter(
        directory, dim=int(array.shape[1]), metadata=metadata or {}, rows_per_shard=rows_per_shard
    ) as writer:
        for start in range(0, len(order), rows_per_shard):
            part = order[start : start + rows_per_shard]
            writer.write(names[part], array[part])
    return open_embeddings(directory)
