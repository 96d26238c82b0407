"""Tables larger than memory: sorted runs in Parquet files, merged again in order; row groups of one size."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from simcore.files import atomic_file

BATCH_ROWS = 8_192
"""Rows read from a run at a time, and rows of its row groups: a few MiB for each of some tens of runs."""

MERGED_ROWS = 131_072
"""Rows of all runs together that are in memory while they are merged, three times: read, joined and sorted."""

RUN_BYTES = 48 * 2**20
"""What a run holds of a listing: about 200,000 images, so that ten million make some fifty runs."""

_LEAST_ROWS = 256


class RunWriter:
    """Collects tables in any order and leaves files that are each sorted by `by`.

    Memory is three times `run_bytes`: what was collected, and what sorting makes of it.

    Args:
        directory: where the runs go; it must exist.
        by: a text column, sorted by code point.
        run_bytes: a run is written when this much was collected; None takes `RUN_BYTES`.
    """

    def __init__(self, directory: Path, *, by: str, run_bytes: int | None = None) -> None:
        self._directory, self._by = directory, by
        self._run_bytes = RUN_BYTES if run_bytes is None else run_bytes
        self._tables: list[pa.Table] = []
        self._bytes = 0
        self.runs: list[Path] = []

    def add(self, table: pa.Table) -> None:
        """Take `table`; columns may differ between tables, missing ones are null."""
        self._tables.append(table)
        self._bytes += table.nbytes
        if self._bytes >= self._run_bytes:
            self.flush()

    def flush(self) -> None:
        """Write what was collected as a run."""
        if self._tables:
            table = pa.concat_tables(self._tables, promote_options="default").sort_by(self._by)
            path = self._directory / f"run-{len(self.runs):05d}.parquet"
            pq.write_table(table, path, row_group_size=BATCH_ROWS, compression="lz4")
            self.runs.append(path)
        self._tables, self._bytes = [], 0


def read_tables(path: Path, *, columns: Sequence[str] | None = None, rows: int = BATCH_ROWS) -> Iterator[pa.Table]:
    """Yield the file in tables of at most `rows` rows."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=rows, columns=None if columns is None else list(columns)):
            yield pa.Table.from_batches([batch])


@dataclass(frozen=True)
class Run:
    """A sorted table that is read when its turn comes.

    Attributes:
        first: its smallest value.
        open: gives its tables, in order, none empty.
    """

    first: str
    open: Callable[[], Iterator[pa.Table]]


def file_runs(paths: Sequence[Path], *, by: str) -> list[Run]:
    """Return the files, each sorted by `by`, as runs; empty ones are left out.

    The more there are, the fewer rows of each are read at a time, so that merging takes the same memory.
    """
    rows = min(BATCH_ROWS, max(_LEAST_ROWS, MERGED_ROWS // max(1, len(paths))))
    runs = []
    for path in paths:
        head = next(read_tables(path, columns=[by], rows=1), None)
        if head is not None:
            runs.append(Run(head.column(by)[0].as_py(), partial(read_tables, path, rows=rows)))
    return runs


def merge_runs(runs: Sequence[Run], *, by: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of all `runs` in the order of the text column `by`, equal values next to each other.

    Memory is three tables of each run whose range of values is under way: of one run at a time where they follow each
    other, of all where they cover the same range.

    Args:
        runs: tables sorted by `by`.
        by: the text column.
        schema: of what is yielded; columns a run lacks are null.

    Example:
        >>> tables = [pa.table({"key": keys}) for keys in (["a", "d"], ["b", "c"])]
        >>> runs = [Run(table["key"][0].as_py(), lambda table=table: iter([table])) for table in tables]
        >>> merged = merge_runs(runs, by="key", schema=tables[0].schema)
        >>> [key for table in merged for key in table["key"].to_pylist()]
        ['a', 'b', 'c', 'd']
    """
    waiting = deque(sorted(enumerate(runs), key=lambda run: (run[1].first, run[0])))
    opened: list[_Opened] = []
    while waiting or opened:
        bound = min((run.last for run in opened), default=waiting[0][1].first if waiting else "")
        while waiting and waiting[0][1].first <= bound:
            number, run = waiting.popleft()
            opened.append(_Opened(number, run.open(), by))
            bound = min(bound, opened[-1].last) if len(opened) > 1 else opened[-1].last
        opened.sort(key=lambda run: run.number)
        taken = [_align(part, schema) for part in (run.take_up_to(bound) for run in opened) if len(part)]
        yield taken[0] if len(taken) == 1 else pa.concat_tables(taken).sort_by(by)
        opened = [run for run in opened if run.refill()]


class _Opened:
    """A run that is being read: what of its present table is still to come."""

    def __init__(self, number: int, tables: Iterator[pa.Table], by: str) -> None:
        self.number, self._tables, self._by = number, tables, by
        self._table = next(tables)

    @property
    def last(self) -> str:
        return str(self._table.column(self._by)[-1].as_py())

    def take_up_to(self, bound: str) -> pa.Table:
        """Return the rows up to and with `bound`, and step past them."""
        column = self._table.column(self._by)
        count = bisect_right(range(len(column)), bound, key=lambda position: column[position].as_py())
        taken, self._table = self._table.slice(0, count), self._table.slice(count)
        return taken

    def refill(self) -> bool:
        """Return whether there are rows to come, reading the next table where the present one is used up."""
        if not len(self._table):
            self._table = next(self._tables, self._table)
        return len(self._table) > 0


def _align(table: pa.Table, schema: pa.Schema) -> pa.Table:
    present = set(table.column_names)
    columns = [
        table.column(field.name) if field.name in present else pa.nulls(len(table), field.type) for field in schema
    ]
    return pa.table(columns, schema=schema)


def rechunk(tables: Iterable[pa.Table], *, rows: int) -> Iterator[pa.Table]:
    """Yield the same rows in tables of `rows` rows, the last one with what is left.

    Example:
        >>> [len(table) for table in rechunk([pa.table({"a": range(5)}), pa.table({"a": range(3)})], rows=3)]
        [3, 3, 2]
    """
    held: list[pa.Table] = []
    count = 0
    for table in tables:
        held.append(table)
        count += len(table)
        if count < rows:
            continue
        joined = pa.concat_tables(held)
        for start in range(0, count - rows + 1, rows):
            yield joined.slice(start, rows).combine_chunks()
        rest = joined.slice(count - count % rows)
        held, count = ([rest] if len(rest) else []), len(rest)
    if count:
        yield pa.concat_tables(held).combine_chunks()


def write_tables(path: Path, tables: Iterable[pa.Table], *, schema: pa.Schema, rows: int, compression: str) -> int:
    """Write `tables` to `path` in row groups of `rows` rows and return how many rows there were.

    The bytes depend on the rows alone, not on the tables they came in. The file appears when it is whole.
    """
    written = 0
    with atomic_file(path) as partial_path, pq.ParquetWriter(partial_path, schema, compression=compression) as writer:
        for table in rechunk(tables, rows=rows):
            writer.write_table(table, row_group_size=rows)
            written += len(table)
    return written
