"""Open-sets of every kind, read as one stream of blocks."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from simcore.embeddings import Embeddings, open_embeddings
from simcore.errors import InputError
from simcore.selection.rows import Block, check_keys, check_rows, key_ranks, refuse_repeated
from simcore.selection.similarity import as_rows

Rows = np.ndarray | torch.Tensor
OpenSet = Rows | Embeddings | str | Path | Iterable[Any]

# Enough rows to notice another array, few enough to cost nothing next to one product.
_FINGERPRINT_ROWS = 1024


class Source(Protocol):
    """What a scan needs of an open-set.

    Attributes:
        dim: length of a row; None until the first block of a stream has come.
        n_rows: rows in all; None until a stream has been read once.
        keyed: rows have keys.
        rereadable: `blocks` may be called again.
        ranks: (N,) rank of each row's key where keys do not increase with the position; else None.
    """

    dim: int | None
    n_rows: int | None
    keyed: bool
    rereadable: bool
    ranks: np.ndarray | None

    def blocks(self, rows: int, *, with_keys: bool = True) -> Iterator[Block]:
        """Yield the rows in order, at most `rows` a block; keys may be left out where they cost a read."""
        ...

    def keys_at(self, positions: np.ndarray) -> pa.Array | None:
        """Return the keys at `positions`, or None without keys."""
        ...

    def key_chunks(self) -> Iterator[pa.Array]:
        """Yield all keys in order, nothing without keys; `n_rows` and `keyed` are known afterwards."""
        ...

    def rows_at(self, positions: np.ndarray) -> torch.Tensor:
        """Return the rows at `positions`."""
        ...

    def sample(self, count: int) -> tuple[np.ndarray, torch.Tensor] | None:
        """Return positions and rows of about `count` images from all over, or None where that needs a whole read."""
        ...

    def fingerprint(self) -> dict[str, Any]:
        """Return JSON-ready facts that tell this open-set from another."""
        ...


class ArraySource:
    """Rows in memory, with or without keys."""

    rereadable = True

    def __init__(self, rows: torch.Tensor, keys: np.ndarray | None = None) -> None:
        self.dim: int | None = int(rows.shape[1])
        self.n_rows: int | None = len(rows)
        self.keyed = keys is not None
        self.ranks: np.ndarray | None = None
        self._rows = rows
        self._keys: pa.Array | None = None
        if keys is not None:
            self._keys = pa.array(keys.tolist(), type=pa.string())
            if not (keys[1:] > keys[:-1]).all():
                self.ranks = key_ranks(self._keys)

    def blocks(self, rows: int, *, with_keys: bool = True) -> Iterator[Block]:
        """Yield views of the rows."""
        for start in range(0, len(self._rows), rows):
            part = self._rows[start : start + rows]
            yield Block(start, part, None if self._keys is None else self._keys.slice(start, len(part)))

    def keys_at(self, positions: np.ndarray) -> pa.Array | None:
        """Return the keys at `positions`."""
        return None if self._keys is None else self._keys.take(pa.array(positions))

    def key_chunks(self) -> Iterator[pa.Array]:
        """Yield the keys, if there are any."""
        if self._keys is not None:
            yield self._keys

    def rows_at(self, positions: np.ndarray) -> torch.Tensor:
        """Return a copy of the rows at `positions`."""
        return self._rows[torch.from_numpy(np.asarray(positions)).to(self._rows.device)]

    def sample(self, count: int) -> tuple[np.ndarray, torch.Tensor] | None:
        """Return evenly spaced rows."""
        step = max(1, len(self._rows) // count)
        return np.arange(step // 2, len(self._rows), step), self._rows[step // 2 :: step]

    def fingerprint(self) -> dict[str, Any]:
        """Return shape, type and the sha256 of evenly spaced rows and keys."""
        step = max(1, len(self._rows) // _FINGERPRINT_ROWS)
        digest = hashlib.sha256(self._rows[::step].float().cpu().contiguous().numpy().tobytes())
        if self._keys is not None:
            for key in self._keys.take(pa.array(np.arange(0, len(self._keys), step))).to_pylist():
                digest.update(key.encode() + b"\0")
        return {
            "kind": "array",
            "rows": self.n_rows,
            "dim": self.dim,
            "dtype": str(self._rows.dtype).removeprefix("torch."),
            "sha256_of_sampled_rows": digest.hexdigest(),
        }


class DirectorySource:
    """An embeddings directory, read shard by shard; its keys are looked at once before the first block."""

    rereadable = True
    keyed = True

    def __init__(self, embeddings: Embeddings) -> None:
        self.embeddings = embeddings
        self.dim: int | None = embeddings.dim
        self.n_rows: int | None = len(embeddings)
        self.ranks: np.ndarray | None = None
        if not self._keys_increase():
            # Foreign directories may come in any order; their ties need a rank for every image.
            names = pa.chunked_array(embeddings.key_chunks(), type=pa.string()).combine_chunks()
            refuse_repeated(names, what="the embeddings directory")
            self.ranks = key_ranks(names)

    def _keys_increase(self) -> bool:
        def look(shard: int) -> tuple[str, str] | Literal[False] | None:
            """Return the first and last key of a shard, None where it has no rows, False where its keys fall."""
            ends: tuple[str, str] | None = None
            for keys in self.embeddings.key_chunks(shard=shard):
                if len(keys) == 0:
                    continue
                begin = keys[0].as_py()
                if ends is not None and begin <= ends[1]:
                    return False
                if not pc.all(pc.less(keys.slice(0, len(keys) - 1), keys.slice(1))).as_py():
                    return False
                ends = (begin if ends is None else ends[0], keys[-1].as_py())
            return ends

        # Strings are read and compared without the interpreter lock.
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            found = [ends for ends in pool.map(look, range(self.embeddings.n_shards)) if ends is not None]
        return all(found) and all(left[1] < right[0] for left, right in pairwise(found) if left and right)

    def blocks(self, rows: int, *, with_keys: bool = True) -> Iterator[Block]:
        """Yield the rows as they are stored, float16."""
        start = 0
        for keys, values in self.embeddings.arrow_blocks(rows=rows, with_keys=with_keys):
            yield Block(start, as_rows(values), keys)
            start += len(values)

    def keys_at(self, positions: np.ndarray) -> pa.Array | None:
        """Return the keys at `positions`."""
        return self.embeddings.keys_at(positions)

    def key_chunks(self) -> Iterator[pa.Array]:
        """Yield all keys."""
        return self.embeddings.key_chunks()

    def rows_at(self, positions: np.ndarray) -> torch.Tensor:
        """Return the rows at `positions`."""
        return torch.from_numpy(self.embeddings.take(positions))

    def sample(self, count: int) -> tuple[np.ndarray, torch.Tensor] | None:
        """Return evenly spaced rows: a mapped directory gives single rows without reading the others."""
        assert self.n_rows is not None
        step = max(1, self.n_rows // count)
        positions = np.arange(step // 2, self.n_rows, step)
        return positions, torch.from_numpy(self.embeddings.take(positions))

    def fingerprint(self) -> dict[str, Any]:
        """Return the encoder's fingerprint and a digest of the shards' names, sizes and end keys."""
        return {
            "kind": "embeddings",
            "rows": self.n_rows,
            "dim": self.dim,
            "encoder": self.embeddings.metadata.get("encoder"),
            "sha256_of_shard_list": self.embeddings.fingerprint(),
        }


class StreamSource:
    """An iterable of (n_i, d) blocks, or of `(keys, block)` pairs with increasing keys."""

    def __init__(self, blocks: Iterable[Any]) -> None:
        self.rereadable = iter(blocks) is not blocks
        self.dim: int | None = None
        self.n_rows: int | None = None
        self.keyed = False
        self.ranks: np.ndarray | None = None
        self._blocks = blocks
        self._used = False
        self._held: list[tuple[np.ndarray, pa.Array]] = []

    def blocks(self, rows: int, *, with_keys: bool = True) -> Iterator[Block]:
        """Yield the blocks of the stream, cut to `rows`.

        Raises:
            InputError: the stream is used up, a block does not fit the others, or keys do not increase.
        """
        if self._used and not self.rereadable:
            raise InputError(
                "This open-set is an iterator that can be read once, and a second pass is needed; give a larger "
                "`depth`, or an input that can be read again (an array, an embeddings directory, a list of blocks)."
            )
        self._used = True
        start, last, keyed = 0, None, None
        for item in self._blocks:
            keys, values = item if isinstance(item, tuple) else (None, item)
            part = check_rows(values, name="A block of the open-set")
            if keyed is None:
                keyed = self.keyed = keys is not None
                self.dim = int(part.shape[1])
            if keyed != (keys is not None) or part.shape[1] != self.dim:
                raise InputError(
                    f"The block at row {start:,} has shape {tuple(part.shape)} and "
                    f"{'no ' if keys is None else ''}keys, unlike the first one (dimension {self.dim}, "
                    f"{'' if keyed else 'no '}keys); give blocks of one kind."
                )
            names = None
            if keys is not None:
                names = keys if isinstance(keys, pa.Array) else pa.array([str(key) for key in keys], type=pa.string())
                if len(names) != len(part):
                    raise InputError(f"The block at row {start:,} has {len(names):,} keys for {len(part):,} rows.")
                last = self._check_order(names, last)
            for offset in range(0, len(part), rows):
                piece = part[offset : offset + rows]
                yield Block(start + offset, piece, None if names is None else names.slice(offset, len(piece)))
            start += len(part)
        self.n_rows = start

    @staticmethod
    def _check_order(names: pa.Array, last: str | None) -> str | None:
        previous = last
        listed = names.to_pylist()
        for name in listed:
            if previous is not None and name <= previous:
                raise InputError(
                    f"Key `{name}` follows `{previous}` in the stream, but keys of a stream must increase (they break "
                    "ties); sort it, or store it with `write_embeddings` first."
                )
            previous = name
        return previous

    def hold_keys(self, positions: np.ndarray, keys: pa.Array) -> None:
        """Remember the keys of candidates: a stream cannot be asked for them later."""
        self._held.append((positions, keys))

    def keys_at(self, positions: np.ndarray) -> pa.Array | None:
        """Return the keys at `positions`, which must have been candidates."""
        if not self.keyed:
            return None
        held, first = np.unique(np.concatenate([part for part, _ in self._held]), return_index=True)
        keys = pa.concat_arrays([part for _, part in self._held]).take(pa.array(first))
        self._held = [(held, keys)]
        return keys.take(pa.array(np.searchsorted(held, positions)))

    def key_chunks(self) -> Iterator[pa.Array]:
        """Yield all keys in one pass over the stream."""
        for block in self.blocks(65_536):
            if block.keys is not None:
                yield block.keys

    def rows_at(self, positions: np.ndarray) -> torch.Tensor:
        """Return the rows at `positions`, found in one more pass over the stream."""
        found: dict[int, torch.Tensor] = {}
        for block in self.blocks(65_536):
            inside = positions[(positions >= block.start) & (positions < block.start + len(block.rows))]
            found.update({int(position): block.rows[int(position) - block.start] for position in inside})
        return torch.stack([found[int(position)] for position in positions])

    def sample(self, count: int) -> tuple[np.ndarray, torch.Tensor] | None:
        """Return None: a stream shows its rows once, in its own order."""
        return None

    def fingerprint(self) -> dict[str, Any]:
        """Return the shape: the contents of a stream are not looked at for a fingerprint."""
        return {"kind": "stream", "rows": self.n_rows, "dim": self.dim}


def open_source(openset: OpenSet | Source, *, keys: Sequence[str] | np.ndarray | None = None) -> Source:
    """Return `openset` as a source of blocks.

    Args:
        openset: (N, d) array or tensor, embeddings or their directory, or an iterable of blocks.
        keys: N unique strings for an array or tensor; the other kinds bring their own.

    Raises:
        InputError: the kind is unknown, there are no rows, keys repeat or come where they are not expected.
    """
    if isinstance(openset, ArraySource | DirectorySource | StreamSource):
        return openset
    if isinstance(openset, np.ndarray | torch.Tensor):
        rows = check_rows(openset, name="`openset`")
        if len(rows) == 0:
            raise InputError("`openset` has 0 rows; give at least one image to choose from.")
        return ArraySource(rows, None if keys is None else check_keys(keys, len(rows)))
    if keys is not None:
        raise InputError(
            "`keys` goes with an array or a tensor; an embeddings directory has its own keys and a stream yields "
            "`(keys, block)` pairs."
        )
    if isinstance(openset, str | Path):
        return DirectorySource(open_embeddings(openset))
    if isinstance(openset, Embeddings):
        return DirectorySource(openset)
    if isinstance(openset, Iterable):
        return StreamSource(openset)
    raise InputError(
        f"`openset` is a {type(openset).__name__}; give a (N, d) array or tensor, an embeddings directory, or an "
        "iterable of (n, d) blocks."
    )
