"""Tables larger than memory: whatever the runs, the merge is the sorted whole."""

import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.images.runs import Run, RunWriter, file_runs, merge_runs, read_tables, rechunk, write_tables

words = st.text(alphabet="aäZ0/\U0001f426", max_size=4)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(words, max_size=8), max_size=6), st.integers(1, 4))
def test_merging_is_sorting(parts: list[list[str]], batch: int) -> None:
    schema = pa.schema([("key", pa.large_string()), ("from", pa.int64())])
    runs, rows = [], []
    for number, part in enumerate(parts):
        rows += [(key, number) for key in part]
        if part:
            table = pa.table([sorted(part), [number] * len(part)], schema=schema)
            runs.append(
                Run(min(part), lambda table=table: (table.slice(at, batch) for at in range(0, len(table), batch)))
            )
    merged = list(merge_runs(runs, by="key", schema=schema))
    assert all(len(table) for table in merged)
    found = [(row["key"], row["from"]) for table in merged for row in table.to_pylist()]
    # By code points, not by a locale.
    assert [key for key, _ in found] == sorted(key for key, _ in rows)
    assert sorted(found) == sorted(rows)


def test_runs_that_follow_each_other_are_read_one_after_the_other() -> None:
    opened: list[int] = []

    def run(number: int) -> Run:
        def tables():
            opened.append(number)
            yield pa.table({"key": [f"{number}a", f"{number}b"]})

        return Run(f"{number}a", tables)

    merged = merge_runs([run(2), run(0), run(1)], by="key", schema=pa.schema([("key", pa.string())]))
    assert next(merged)["key"].to_pylist() == ["0a", "0b"]
    assert opened == [0]
    assert [key for table in merged for key in table["key"].to_pylist()] == ["1a", "1b", "2a", "2b"]


def test_the_writer_cuts_runs_and_fills_columns_that_some_lack(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, by="key", run_bytes=1)
    writer.add(pa.table({"key": ["c", "a"]}))
    writer.add(pa.table({"key": ["b"], "more": ["x"]}))
    writer.flush()
    assert [pq.read_table(path)["key"].to_pylist() for path in writer.runs] == [["a", "c"], ["b"]]
    schema = pa.schema([("key", pa.string()), ("more", pa.string())])
    merged = merge_runs(file_runs(writer.runs, by="key"), by="key", schema=schema)
    assert pa.concat_tables(merged).to_pylist() == [
        {"key": "a", "more": None},
        {"key": "b", "more": "x"},
        {"key": "c", "more": None},
    ]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 7))
def test_rechunking_keeps_the_rows(sizes: list[int], rows: int) -> None:
    whole = pa.table({"key": [str(number) for number in range(sum(sizes))]})
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    chunks = list(rechunk((whole.slice(start, size) for start, size in zip(starts, sizes, strict=True)), rows=rows))
    assert all(len(chunk) == rows for chunk in chunks[:-1])
    assert [key for chunk in chunks for key in chunk["key"].to_pylist()] == whole["key"].to_pylist()


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(1, 50))
def test_the_bytes_of_a_file_do_not_depend_on_the_tables_it_came_in(sizes: list[int], rows: int) -> None:
    n = sum(sizes)
    whole = pa.table(
        {"key": [f"{row:05}" for row in range(n)], "label": [["a", None, "b"][row % 3] for row in range(n)]}
    )
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "1.parquet"), Path(folder, "2.parquet")
        write_tables(first, [whole], schema=whole.schema, rows=rows, compression="snappy")
        starts = [sum(sizes[:index]) for index in range(len(sizes))]
        cut = (whole.slice(start, size) for start, size in zip(starts, sizes, strict=True))
        assert write_tables(second, cut, schema=whole.schema, rows=rows, compression="snappy") == n
        assert first.read_bytes() == second.read_bytes()
        assert pq.read_metadata(first).num_row_groups == -(-n // rows)
        assert pa.concat_tables(read_tables(first, rows=3)).to_pylist() == whole.to_pylist()


def test_a_file_that_failed_half_way_is_not_there(tmp_path: Path) -> None:
    def tables():
        yield pa.table({"key": ["a"] * 10})
        raise RuntimeError("disk gone")

    with pytest.raises(RuntimeError, match="disk gone"):
        write_tables(
            tmp_path / "x.parquet", tables(), schema=pa.schema([("key", pa.string())]), rows=2, compression="lz4"
        )
    assert list(tmp_path.iterdir()) == []


def test_no_rows_still_have_columns(tmp_path: Path) -> None:
    schema = pa.schema([("key", pa.large_string())])
    assert write_tables(tmp_path / "x.parquet", [], schema=schema, rows=2, compression="lz4") == 0
    frame = pd.read_parquet(tmp_path / "x.parquet")
    assert list(frame) == ["key"] and frame.empty and frame["key"].dtype == "str"
