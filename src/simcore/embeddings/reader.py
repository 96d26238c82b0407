"""Embeddings of a directory, read lazily."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from simcore.embeddings.mapped import MappedShard, check_keys
from simcore.embeddings.shards import SHARD_PATTERN, UNFINISHED, existing_shards, read_header, shard_name
from simcore.errors import ArtefactError, InputError, reading
from simcore.tables import read_table

T = TypeVar("T")


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
            header, footer = read_header(path), pq.read_metadata(path)
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
                with reading(path):
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

    @property
    def shard_rows(self) -> list[int]:
        """Rows of each shard."""
        return list(self._rows)

    def key_chunks(self, *, shard: int | None = None) -> Iterator[pa.StringArray]:
        """Yield the keys, of one shard or of all, piece by piece as Arrow arrays, without reading the embeddings."""
        for path in self._shards if shard is None else [self._shards[shard]]:
            with reading(path):
                column = read_table(path, columns=["key"], memory_map=True).column("key")
                check_keys(column, rows=pq.read_metadata(path).num_rows)
            yield from column.chunks

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
        >>> from simcore.embeddings import write_embeddings
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
