"""Embeddings on disk: a directory of Parquet shards, written atomically and read lazily."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from simcore.embeddings.mapped import MappedShard
from simcore.errors import ArtefactError, InputError
from simcore.files import atomic_file

T = TypeVar("T")

SHARD_PATTERN = re.compile(r"part-(\d{5,})\.parquet")
# Stands in the directory from the first shard to the last: an interrupted extraction cannot pass for a whole one.
UNFINISHED = ".unfinished"
# One row group is what a reader holds at least: 16 MiB of float16 stays near the caches and streams well.
ROW_GROUP_BYTES = 16 * 2**20


def shard_name(number: int) -> str:
    """Return the file name of shard `number`.

    Example:
        >>> shard_name(3)
        'part-00003.parquet'
    """
    return f"part-{number:05d}.parquet"


def embedding_schema(dim: int, metadata: Mapping[str, Any]) -> pa.Schema:
    """Return the Arrow schema of a shard: `key`, `embedding` (dim float16 as fixed-size binary), JSON metadata."""
    header = {**metadata, "dim": dim, "dtype": "float16"}
    return pa.schema(
        [pa.field("key", pa.string(), nullable=False), pa.field("embedding", pa.binary(2 * dim), nullable=False)],
        metadata={"simcore": json.dumps(header, sort_keys=True)},
    )


def read_header(path: Path) -> dict[str, Any]:
    """Return the JSON metadata of one shard, checked against its columns.

    Raises:
        ArtefactError: `path` is not an embedding shard.
    """
    schema = pq.read_schema(path)
    raw = (schema.metadata or {}).get(b"simcore")
    if raw is None:
        raise ArtefactError(
            f"`{path}` has no `simcore` schema metadata, so it is not an embedding shard; "
            "write embeddings with `EmbeddingWriter` or `write_embeddings`."
        )
    header = json.loads(raw)
    expected = pa.binary(2 * int(header["dim"]))
    if schema.names != ["key", "embedding"] or schema.field("embedding").type != expected:
        raise ArtefactError(
            f"`{path}` has columns {dict(zip(schema.names, map(str, schema.types), strict=True))}, but its metadata "
            f"promises `key` and `embedding` of type {expected}; extract the embeddings again."
        )
    return header


def existing_shards(directory: str | Path) -> list[Path]:
    """Return the whole shards of `directory`, in order, up to the first missing number (empty when there is none)."""
    directory = Path(directory)
    if not directory.is_dir():
        return []
    numbered = {}
    for path in directory.iterdir():
        match = SHARD_PATTERN.fullmatch(path.name)
        if match:
            numbered[int(match.group(1))] = path
    shards: list[Path] = []
    while len(shards) in numbered:
        shards.append(numbered[len(shards)])
    return shards


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
        wanted = json.loads(self._schema.metadata[b"simcore"])
        for number, path in enumerate(shards):
            header = read_header(path)
            if header != wanted:
                differing = sorted(
                    name for name in header.keys() | wanted.keys() if header.get(name) != wanted.get(name)
                )
                raise InputError(
                    f"`{self.directory}` holds embeddings of another extraction (`{path.name}` differs in "
                    f"{', '.join(differing)}); give an empty directory or remove the old shards."
                )
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
        array = rows.detach().cpu().float().numpy() if isinstance(rows, torch.Tensor) else np.asarray(rows)
        if array.shape != (len(names), self.dim):
            raise InputError(
                f"`rows` has shape {array.shape} with {len(names):,} keys; ({len(names)}, {self.dim}) is needed."
            )
        with np.errstate(over="ignore"):
            half = np.ascontiguousarray(array, dtype=np.float16)
        finite = np.isfinite(half).all(axis=1)
        if not finite.all():
            raise InputError(
                f"The embedding of `{names[int(np.argmin(finite))].as_py()}` has a value that is NaN, infinite or "
                "beyond float16 (65,504); check the encoder or scale its output."
            )
        self._keys.append(names)
        self._rows.append(half)
        self._pending += len(half)
        while self._pending >= self.rows_per_shard:
            self._flush(self.rows_per_shard)

    def _flush(self, count: int) -> None:
        keys = pa.concat_arrays(self._keys)
        rows = self._rows[0] if len(self._rows) == 1 else np.concatenate(self._rows)
        self._keys, self._rows, self._pending = [keys.slice(count)], [rows[count:]], len(rows) - count
        body = np.ascontiguousarray(rows[:count])
        column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(2 * self.dim), count, [None, pa.py_buffer(body)])
        table = pa.Table.from_arrays([keys.slice(0, count), column], schema=self._schema)
        with atomic_file(self.directory / shard_name(self._shards)) as partial:
            pq.write_table(
                table,
                partial,
                row_group_size=max(1, ROW_GROUP_BYTES // (2 * self.dim)),
                # Dense float16 does not compress and has no dictionary; both would only cost time.
                compression="none",
                use_dictionary=False,
                write_statistics=["key"],
                # One page for each row group: a reader can map it from the file as it stands.
                data_page_size=2 * ROW_GROUP_BYTES,
                max_rows_per_page=self.rows_per_shard,
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


class Embeddings:
    """Embeddings of a directory, read lazily: footers at opening, rows as they are asked for.

    Made by `open_embeddings`. Rows stand in the order of the shards, which is key order for what the project writes.

    Attributes:
        directory: where the shards are.
        dim: length of an embedding.
        metadata: facts about encoder, transform and versions (`encoder` holds its fingerprint).
    """

    def __init__(self, directory: Path, shards: Iterable[Path]) -> None:
        self.directory = directory
        self._shards = list(shards)
        self.metadata = read_header(self._shards[0])
        self.dim = int(self.metadata["dim"])
        self._rows: list[int] = []
        for path in self._shards:
            footer = pq.read_metadata(path)
            header = json.loads((footer.metadata or {}).get(b"simcore", b"null"))
            if header != self.metadata:
                raise ArtefactError(
                    f"`{path}` and `{self._shards[0].name}` have different metadata; a directory holds the shards of "
                    "one extraction only."
                )
            self._rows.append(footer.num_rows)

    def __len__(self) -> int:
        return sum(self._rows)

    def __repr__(self) -> str:
        return f"Embeddings({len(self):,} rows, dim {self.dim}, {len(self._shards)} shards)"

    def fingerprint(self) -> str:
        """Return a sha256 over metadata, row count, and each shard's size, first and last key.

        It changes with the encoder, the images or their number, and costs one look at each footer, not a read of the
        rows: it tells artefacts apart, it does not detect a damaged disk.
        """
        digest = hashlib.sha256(json.dumps([self.metadata, len(self)], sort_keys=True).encode())
        for path, rows in zip(self._shards, self._rows, strict=True):
            footer = pq.read_metadata(path)
            ends = []
            for group in (0, footer.num_row_groups - 1):
                statistics = footer.row_group(group).column(0).statistics if footer.num_row_groups else None
                ends.append([statistics.min, statistics.max] if statistics and statistics.has_min_max else None)
            digest.update(json.dumps([path.name, rows, path.stat().st_size, ends]).encode())
        return digest.hexdigest()

    def arrow_blocks(self, *, rows: int, with_keys: bool = True) -> Iterator[tuple[pa.StringArray | None, np.ndarray]]:
        """Yield `(keys, float16 array (n, d))` of at most `rows` rows each, keys as an Arrow array or left out.

        The arrays are views of the mapped file wherever it holds a row group in one piece: nothing is copied, and the
        system keeps or drops the pages as it likes.
        """
        for path in self._shards:
            with MappedShard(path, dim=self.dim) as shard:
                for group in range(shard.n_groups):
                    keys = shard.keys(group) if with_keys else None
                    values = shard.rows(group)
                    for start in range(0, len(values), rows):
                        yield None if keys is None else keys.slice(start, rows), values[start : start + rows]

    def blocks(self, *, rows: int = 16_384) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield `(keys, float16 array (n, d))` of at most `rows` rows each, in order; arrays are read-only."""
        for keys, values in self.arrow_blocks(rows=rows):
            assert keys is not None
            yield np.array(keys.to_pylist(), dtype=np.str_), values

    @property
    def n_shards(self) -> int:
        """Number of shards."""
        return len(self._shards)

    def key_chunks(self, *, shard: int | None = None) -> Iterator[pa.StringArray]:
        """Yield the keys, of one shard or of all, piece by piece as Arrow arrays, without reading the embeddings."""
        for path in self._shards if shard is None else [self._shards[shard]]:
            yield from pq.read_table(path, columns=["key"], memory_map=True).column("key").chunks

    def keys(self) -> np.ndarray:
        """Return every key, (n,) str, without reading the embeddings."""
        return np.array(pa.chunked_array(self.key_chunks(), type=pa.string()).to_pylist(), dtype=np.str_)

    def keys_at(self, positions: np.ndarray) -> pa.StringArray:
        """Return the keys at `positions` as an Arrow array; reads only the shards they are in."""
        order = np.argsort(positions, kind="stable")
        ordered = np.asarray(positions)[order]

        def keys_from(shard: int, first: int, inside: slice) -> pa.StringArray:
            keys = pa.chunked_array(self.key_chunks(shard=shard), type=pa.string())
            return keys.take(pa.array(ordered[inside] - first)).combine_chunks()

        found = [pa.array([], type=pa.string()), *self._map_shards(keys_from, ordered)]
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        return pa.concat_arrays(found).take(pa.array(back))

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Return the rows at `positions`, (m, d) float16, in the given order; reads only what they stand in.

        Raises:
            InputError: a position is outside the rows.
        """
        positions = np.asarray(positions, dtype=np.int64)
        if len(positions) and not (positions.min() >= 0 and positions.max() < len(self)):
            raise InputError(
                f"`positions` reach from {positions.min()} to {positions.max()}; there are {len(self):,} rows."
            )
        taken = np.empty((len(positions), self.dim), dtype=np.float16)
        order = np.argsort(positions, kind="stable")
        ordered = positions[order]

        def take_from(shard: int, first: int, _: slice) -> None:
            with MappedShard(self._shards[shard], dim=self.dim) as mapped:
                for group in range(mapped.n_groups):
                    last = first + mapped.group_rows(group)
                    inside = slice(*np.searchsorted(ordered, [first, last]))
                    if inside.start < inside.stop:
                        taken[order[inside]] = mapped.rows(group)[ordered[inside] - first]
                    first = last

        self._map_shards(take_from, ordered)
        return taken

    def _map_shards(self, function: Callable[[int, int, slice], T], positions: np.ndarray) -> list[T]:
        """Return what `function` makes of each shard in which any of the increasing `positions` stands, in order.

        It gets the shard's number, the position of its first row, and which of `positions` are in it, in a thread: rows
        are fetched and strings are read without the interpreter lock.
        """
        starts = np.concatenate([[0], np.cumsum(self._rows)]).tolist()
        bounds = np.searchsorted(positions, starts).tolist()
        used = [shard for shard in range(self.n_shards) if bounds[shard] < bounds[shard + 1]]
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            waiting = [
                pool.submit(function, shard, starts[shard], slice(bounds[shard], bounds[shard + 1])) for shard in used
            ]
            return [future.result() for future in waiting]

    def to_numpy(self) -> np.ndarray:
        """Return all rows as one (n, d) float16 array in memory."""
        whole = np.empty((len(self), self.dim), dtype=np.float16)
        start = 0
        for _, values in self.arrow_blocks(rows=1 << 20, with_keys=False):
            whole[start : start + len(values)] = values
            start += len(values)
        return whole

    def to_tensor(self) -> torch.Tensor:
        """Return all rows as one (n, d) torch.float16 tensor in memory."""
        return torch.from_numpy(self.to_numpy())

    def to_frame(self) -> pd.DataFrame:
        """Return a frame indexed by key with one float16 column a dimension (`0` ... `d-1`)."""
        return pd.DataFrame(self.to_numpy(), index=pd.Index(self.keys(), name="key"))


def open_embeddings(directory: str | Path) -> Embeddings:
    """Return the embeddings that stand in `directory`, opened lazily.

    Raises:
        InputError: there is no shard, a shard is missing, or the extraction was interrupted.

    Example:
        >>> import tempfile
        >>> embeddings = write_embeddings(Path(tempfile.mkdtemp()) / "mine", ["a", "b"], np.eye(2, 8))
        >>> len(embeddings), embeddings.dim, embeddings.to_numpy().dtype.name
        (2, 8, 'float16')
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise InputError(f"`{directory}` is no directory; give the directory that holds `part-00000.parquet`.")
    shards = existing_shards(directory)
    present = sum(SHARD_PATTERN.fullmatch(path.name) is not None for path in directory.iterdir())
    if present > len(shards):
        raise InputError(
            f"`{directory}` has {present} shards but `{shard_name(len(shards))}` is missing; copy it back or extract "
            "again."
        )
    if not shards:
        raise InputError(
            f"`{directory}` holds no `{shard_name(0)}`; give an embeddings directory or write one with "
            "`write_embeddings`."
        )
    if (directory / UNFINISHED).exists():
        raise InputError(
            f"The extraction into `{directory}` was interrupted after {len(shards)} shards; run it again, it resumes."
        )
    return Embeddings(directory, shards)
