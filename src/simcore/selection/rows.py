"""Rows and keys of an open-set: what is accepted, and how keys are ordered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from simcore.errors import InputError
from simcore.selection.similarity import as_rows


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a source: `rows[i]` stands at position `start + i` and is called `keys[i]`, if known."""

    start: int
    rows: torch.Tensor
    keys: pa.Array | None


def check_rows(rows: Any, *, name: str) -> torch.Tensor:
    """Return `rows` as a two-dimensional tensor with at least one column."""
    if not isinstance(rows, np.ndarray | torch.Tensor):
        raise InputError(f"{name} is a {type(rows).__name__}; give a (n, d) array or tensor.")
    if rows.ndim != 2 or rows.shape[1] == 0:  # noqa: PLR2004
        raise InputError(f"{name} has shape {tuple(rows.shape)}; a (n, d) array or tensor with d > 0 is needed.")
    return as_rows(rows)


def refuse_repeated(names: pa.Array, *, what: str) -> None:
    """Refuse keys of which one comes twice.

    Raises:
        InputError: naming the first such key.
    """
    counts = pc.value_counts(names)
    if len(counts) < len(names):
        repeated = counts.field("values")[pc.index(pc.greater(counts.field("counts"), 1), True).as_py()]
        raise InputError(f"Key `{repeated}` stands more than once in {what}; give every image its own key.")


def key_ranks(names: pa.Array) -> np.ndarray:
    """Return the rank of each key in code point order, (n,) int64."""
    ranks = np.empty(len(names), dtype=np.int64)
    ranks[pc.array_sort_indices(names).to_numpy()] = np.arange(len(names))
    return ranks


def check_keys(keys: Sequence[str] | np.ndarray, n_rows: int) -> np.ndarray:
    """Return `keys` as an array of str, checked for number and repetition."""
    names = np.asarray(keys)
    if names.dtype.kind != "U":
        names = np.array([str(key) for key in keys], dtype=np.str_)
    if names.shape != (n_rows,):
        raise InputError(f"`keys` has shape {names.shape} but the open-set has {n_rows:,} rows; give one key a row.")
    refuse_repeated(pa.array(names.tolist(), type=pa.string()), what="`keys`")
    return names


def check_positions(values: Sequence[Any], n_rows: int | None) -> list[int]:
    """Return `values` as positions of an open-set without keys.

    Raises:
        InputError: a value is no position from 0 to `n_rows` - 1 (no upper end where `n_rows` is not known).
    """
    positions = []
    for value in values:
        if isinstance(value, str) or int(value) != value or value < 0 or (n_rows is not None and value >= n_rows):
            raise InputError(
                f"`exclude` holds {value!r}, but this open-set has no keys: give positions from 0"
                + ("" if n_rows is None else f" to {n_rows - 1:,}")
                + ", or an open-set with keys."
            )
        positions.append(int(value))
    return positions


def directionless(rows: torch.Tensor) -> np.ndarray:
    """Return a (n,) mask of the rows that are zero or not finite."""
    narrow = rows.to(torch.float32)
    return (~torch.isfinite(narrow).all(dim=1) | (narrow == 0).all(dim=1)).cpu().numpy()
