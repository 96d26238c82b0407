"""Open-sets of every kind, read as one stream of blocks."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from simcore.embeddings import Embeddings, open_embeddings
from simcore.errors import InputError
from simcore.selection.similarity import as_rows

Rows = np.ndarray | torch.Tensor
OpenSet = Rows | Embeddings | str | Path | Iterable[Any]

# Enough rows to notice another array, few enough to cost nothing next to one product.
_FINGERPRINT_ROWS = 1024


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a source: `rows[i]` stands at position `start + i` and is called `keys[i]`."""

    start: int
    rows: torch.Tensor
    keys: pa.Array | None


class Source(Protocol):
    """What a scan needs of an open-set.

    Attributes:
        dim: length of a row; None until the first block of a stream has come.
        n_rows: rows in all; None until a stream has been read once.
        keyed: rows have keys.
        rereadable: `blocks` may be called again.
        ordered: keys increase with the position (always so without keys), so positions break ties.
    """

    dim: int | None
    n_rows: int | None
    keyed: bool
    rereadable: bool
    ordered: bool

    def blocks(self, rows: int) -> Iterator[Block]:
        """Yield the rows in order, at most `rows` a block."""
        ...

    def keys_at(self, positions: np.ndarray) -> np.ndarray | None:
        """Return the keys at `positions`, or None where they are only known while reading."""
        ...

    def rows_at(self, positions: np.ndarray) -> torch.Tensor:
        """Return the rows at `positions`."""
        ...

    def sample(self, count: int) -> torch.Tensor | None:
        """Return about `count` evenly spaced rows, or None where that needs a whole read."""
        ...

    def fingerprint(self) -> dict[str, Any]:
        """Return JSON-ready facts that tell this open-set from another."""
        ...


def check_keys(keys: Sequence[str] | np.ndarray, n_rows: int) -> np.ndarray:
    """Return `keys` as an array of str, checked for number and repetition."""
    names = np.asarray(keys)
    if names.dtype.kind != "U":
        names = np.array([str(key) for key in keys], dtype=np.str_)
    if names.shape != (n_rows,):
        raise InputError(f"`keys` has shape {names.shape} but the open-set has {n_rows:,} rows; give one key a row.")
    ordered = np.sort(names)
    repeated = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(repeated):
        raise InputError(f"Key `{ordered[repeated[0]]}` stands twice in `keys`; give every image its own key.")
    return names


@dataclass
class ArraySource:
    """Rows in memory."""

    rows: torch.Tensor
    keys: np.ndarray | None = None
    rereadable: bool = True
    ordered: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        self.dim: int | None = int(self.rows.shape[1])
        self.n_rows: int | None = len(self.rows)
        self.keyed = self.keys is not None
        self._arrow: pa.Array | None = None
        if self.keys is not None:
            self.ordered = bool((self.keys[1:] > self.keys[:-1]).all())
            self._arrow = pa.array(self.keys.tolist(), type=pa.string())

    def blocks(self, rows: int) -> Iterator[Block]:
        for start in range(0, len(self.rows), rows):
            part = self.rows[start : start + rows]
            yield Block(start, part, None if self._arrow is None else self._arrow.slice(start, len(part)))

    def keys_at(self, positions: np.ndarray) -> np.ndarray | None:
        return None if self.keys is None else self.keys[positions]

    def rows_at(self, positions: np.ndarray) -> torch.Tensor:
        return self.rows[torch.from_numpy(positions).to(self.rows.device)]

    def sample(self, count: int) -> torch.Tensor | None:
        step = max(1, len(self.rows) // count)
        return self.rows[step // 2 :: step]

    def fingerprint(self) -> dict[str, Any]:
        rows = self.sample(_FINGERPRINT_ROWS)
        assert rows is not None
        digest = hashlib.sha256(rows.float().cpu().numpy().tobytes())
        for name in [] if self.keys is None else self.keys[:: max(1, len(self.keys) // _FINGERPRINT_ROWS)].tolist():
            digest.update(name.encode() + b"\0")
        return {
            "kind": "array",
            "rows": self.n_rows,
            "dim": self.dim,
            "dtype": str(self.rows.dtype).removeprefix("torch."),
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
        self._all_keys: np.ndarray | None = None
        self.ordered = self._keys_increase()
        if not self.ordered:
            # Foreign directories may come in any order: ties then need every key at hand, memory grows with N.
            self._all_keys = check_keys(embeddings.keys(), len(embeddings))

    def _keys_increase(self) -> bool:
        last = None
        for keys in self.embeddings.key_chunks():
            if len(keys) == 0:
                continue
            if last is not None and keys[0].as_py() <= last:
                return False
            if not pc.all(pc.less(keys.slice(0, len(keys) - 1), keys.slice(1))).as_py() and len(keys) > 1:
                return False
            last = keys[-1].as_py()
        return True

    def blocks(self, rows: int) -> Iterator[Block]:
        start = 0
        for keys, values in self.embeddings.arrow_blocks(rows=rows):
            yield Block(start, as_rows(values), keys)
            start += len(values)

    def keys_at(self, positions: np.ndarray) -> np.ndarray | None:
        return None if self._all_keys is None else self._all_keys[positions]

    def rows_at(self, positions: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(self.embeddings.take(positions))

    def sample(self, count: int) -> torch.Tensor | None:
        return None

    def fingerprint(self) -> dict[str, Any]:
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
        self.ordered = True
        self._blocks = blocks
        self._used = False

    def blocks(self, rows: int) -> Iterator[Block]:
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

    def keys_at(self, positions: np.ndarray) -> np.ndarray | None:
        return None

    def rows_at(self, positions: np.ndarray) -> torch.Tensor:
        found: dict[int, torch.Tensor] = {}
        for block in self.blocks(65_536):
            inside = positions[(positions >= block.start) & (positions < block.start + len(block.rows))]
            found.update({int(position): block.rows[int(position) - block.start] for position in inside})
        return torch.stack([found[int(position)] for position in positions])

    def sample(self, count: int) -> torch.Tensor | None:
        return None

    def fingerprint(self) -> dict[str, Any]:
        return {"kind": "stream", "rows": self.n_rows, "dim": self.dim}


def check_rows(rows: Any, *, name: str) -> torch.Tensor:
    """Return `rows` as a two-dimensional tensor with at least one column."""
    if not isinstance(rows, np.ndarray | torch.Tensor):
        raise InputError(f"{name} is a {type(rows).__name__}; give a (n, d) array or tensor.")
    if rows.ndim != 2 or rows.shape[1] == 0:  # noqa: PLR2004
        raise InputError(f"{name} has shape {tuple(rows.shape)}; a (n, d) array or tensor with d > 0 is needed.")
    return as_rows(rows)


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
