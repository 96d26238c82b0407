"""The stored listing in the order in which its images are best read, and what is in it."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcore.images.runs import BATCH_ROWS, RunWriter, file_runs, merge_runs, read_tables, write_tables
from simcore.images.sources.classes import Tally

_PLACE = "place"
_ROW = pa.scalar("#row=", pa.large_string())


def in_reading_order(listed: Path, wanted: np.ndarray | None, directory: Path) -> Path:
    """Return the file of the wanted rows, in the order in which their images are best read.

    Files lie on disks about as their names are ordered. Rows of packed files lie by number, and a part of keys in any
    order would read row groups again and again.
    """
    packed = any(
        pc.any(pc.match_substring(table["uri"], "#row=")).as_py() for table in read_tables(listed, columns=["uri"])
    )
    if wanted is None and not packed:
        return listed
    path = directory / "ordered.parquet"
    if path.exists():
        return path
    schema = pq.read_schema(listed)
    tables = _rows(listed, wanted)
    if packed:
        runs = directory / "ordered.runs"
        shutil.rmtree(runs, ignore_errors=True)
        runs.mkdir()
        writer = RunWriter(runs, by=_PLACE)
        for table in tables:
            writer.add(table.append_column(_PLACE, _places(table["uri"])))
        writer.flush()
        merged = merge_runs(
            file_runs(writer.runs, by=_PLACE), by=_PLACE, schema=schema.append(pa.field(_PLACE, pa.large_string()))
        )
        tables = (table.select(schema.names) for table in merged)
    write_tables(path, tables, schema=schema, rows=BATCH_ROWS, compression="lz4")
    shutil.rmtree(directory / "ordered.runs", ignore_errors=True)
    return path


def _places(uris: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the uris with their row numbers in twelve digits, so that text is ordered as the rows lie."""
    uris = uris.cast(pa.large_string())
    parts = pc.extract_regex(uris, pattern=r"(?s)^(?P<path>.*)#row=(?P<row>[0-9]+)$")
    rows = pc.utf8_lpad(pc.struct_field(parts, "row"), 12, padding="0")
    return pc.coalesce(pc.binary_join_element_wise(pc.struct_field(parts, "path"), rows, _ROW), uris)


def _rows(path: Path, wanted: np.ndarray | None) -> Iterator[pa.Table]:
    start = 0
    for table in read_tables(path):
        end = start + len(table)
        yield table if wanted is None else table.filter(pa.array(wanted[start:end]))
        start = end


def tally_listing(path: Path, *, left_out: Sequence[str] = ()) -> tuple[Tally, Tally]:
    """Return the counts of the images of the sources, and of those that come without a reason against them.

    Args:
        path: the listing.
        left_out: reasons of images that are left out on purpose; without a split, they are in no part of their set
            and do not count.
    """
    every, usable = Tally(), Tally()
    on_purpose = pa.array(list(left_out), pa.large_string())
    for table in read_tables(path, columns=["key", "source", "split", "label", "reason"]):
        outside = pc.and_(pc.is_null(table["split"]), pc.is_in(table["reason"], value_set=on_purpose))
        every.add(table.filter(pc.invert(outside)))
        usable.add(table.filter(pc.is_null(table["reason"])))
    return every, usable
