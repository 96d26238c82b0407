"""From checked parts to the files of a manifest: what is counted over all of them, the split, the merge."""

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcore.images.listing_store import STORED_COLUMNS, TEXT
from simcore.images.manifest import MANIFEST_COLUMNS, REJECTED_COLUMNS
from simcore.images.runs import Run, file_runs, merge_runs, read_tables, write_tables
from simcore.images.sampling import hash_ranks
from simcore.images.sources.classes import Tally
from simcore.images.splits import draw_test

GROUP_ROWS = 65_536
"""Rows of a row group of the manifest."""

_REASONS_SHOWN = 3
_PANDAS_ATTRIBUTES = "PANDAS_ATTRS"


class Evidence:
    """What is counted over all parts before the manifest is written.

    Attributes:
        all: counts of all images.
        kept: counts of the usable ones.
        n_rejected: how many are not usable.
        n_left_out: how many of these are left out on purpose.
        rejected: key and reason of the first of the others, in the order of keys.
    """

    def __init__(self, *, left_out: Iterable[str] = ()) -> None:
        self.all, self.kept = Tally(), Tally()
        self.n_rejected = self.n_left_out = 0
        self._left_out = pa.array(list(left_out), TEXT)
        self.rejected: list[tuple[str, str]] = []
        self._ranks: list[np.ndarray] = []
        self._codes: list[np.ndarray] = []
        self._classes: dict[str | None, int] = {None: -1}

    def add(self, table: pa.Table, *, seed: int) -> None:
        """Count the rows of `table`; those without a split are ranked by `seed` and key."""
        usable = table.filter(pc.is_null(table["reason"]))
        self.all.add(table)
        self.kept.add(usable)
        if len(usable) < len(table):
            unusable = table.filter(pc.is_valid(table["reason"]))
            self.n_rejected += len(unusable)
            on_purpose = pc.is_in(unusable["reason"], value_set=self._left_out)
            unusable = unusable.filter(pc.invert(on_purpose))
            self.n_left_out += len(on_purpose) - len(unusable)
            pairs = zip(unusable["key"].to_pylist(), unusable["reason"].to_pylist(), strict=True)
            self.rejected = heapq.nsmallest(_REASONS_SHOWN, (*self.rejected, *pairs))
        undecided = usable.filter(pc.is_null(usable["split"]))
        self._ranks.append(hash_ranks(undecided["key"].to_pylist(), seed=seed))
        codes = [self._classes.setdefault(label, len(self._classes) - 1) for label in undecided["label"].to_pylist()]
        self._codes.append(np.array(codes, dtype=np.int32))

    def draw_test(self, test_fraction: float) -> np.ndarray:
        """Return which of the images without a split are test, in the order they were counted in: (n,) bool."""
        return draw_test(np.concatenate(self._ranks), np.concatenate(self._codes), test_fraction=test_fraction)


def gather_evidence(parts: Sequence[Path], *, seed: int, left_out: Iterable[str] = ()) -> Evidence:
    """Return what the parts hold. Memory is 20 bytes an image without a split, and the names of the classes.

    Args:
        parts: of `verify_parts`.
        seed: of the split that may be drawn.
        left_out: reasons of images that are left out on purpose.
    """
    evidence = Evidence(left_out=left_out)
    for part in parts:
        for table in read_tables(part, columns=["key", "source", "split", "label", "reason"]):
            evidence.add(table, seed=seed)
    return evidence


def write_files(
    parts: Sequence[Path],
    manifest: Path,
    rejected: Path,
    *,
    is_test: np.ndarray,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write the usable images of all parts to `manifest` and the others to `rejected`, both sorted by key.

    Args:
        parts: of `verify_parts`.
        manifest: columns of a manifest, and those that the readers gave.
        rejected: `key`, `uri`, `reason`.
        is_test: which of the images without a split are test, in the order of the parts.
        attributes: plain values that pandas gives back as the manifest's `attrs`.
    """
    stored = pq.read_schema(parts[0])
    schema = _manifest_schema(stored)
    if attributes:
        schema = schema.with_metadata({_PANDAS_ATTRIBUTES: json.dumps(attributes, sort_keys=True)})
    runs, start = [], 0
    for part in file_runs(parts, by="key"):
        runs.append(Run(part.first, partial(_split_tables, part.open, is_test, start)))
        start += sum(pc.sum(_undecided(table)).as_py() or 0 for table in part.open())
    usable = (
        table.filter(pc.is_null(table["reason"])).select(schema.names)
        for table in merge_runs(runs, by="key", schema=stored)
    )
    write_tables(manifest, usable, schema=schema, rows=GROUP_ROWS, compression="snappy")
    reasons = pa.schema([(name, TEXT) for name in REJECTED_COLUMNS])
    unusable = (
        table.filter(pc.is_valid(table["reason"]))
        for table in merge_runs(file_runs(parts, by="key"), by="key", schema=reasons)
    )
    write_tables(rejected, unusable, schema=reasons, rows=GROUP_ROWS, compression="snappy")


def _undecided(table: pa.Table) -> pa.ChunkedArray:
    return pc.and_(pc.is_null(table["split"]), pc.is_null(table["reason"]))


def _split_tables(tables: Callable[[], Iterator[pa.Table]], is_test: np.ndarray, start: int) -> Iterator[pa.Table]:
    """Yield `tables` with the drawn split where there was none; `is_test` is theirs from `start` on."""
    for table in tables():
        undecided = _undecided(table)
        end = start + (pc.sum(undecided).as_py() or 0)
        drawn = pa.array(np.where(is_test[start:end], "test", "train"), TEXT)
        splits = pc.replace_with_mask(table["split"].combine_chunks(), undecided.combine_chunks(), drawn)
        yield table.set_column(table.column_names.index("split"), "split", splits)
        start = end


def _manifest_schema(stored: pa.Schema) -> pa.Schema:
    types = {field.name: field.type for field in stored}
    extra = [name for name in types if name not in (*STORED_COLUMNS, *MANIFEST_COLUMNS)]
    return pa.schema([(name, types[name]) for name in (*MANIFEST_COLUMNS, *extra)])
