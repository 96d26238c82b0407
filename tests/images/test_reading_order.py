"""Packed rows are read as they lie: by number, not by the text of their uris."""

import pyarrow as pa
import pyarrow.parquet as pq

from simcore.images.reading_order import in_reading_order


def test_rows_come_by_number_and_files_by_name(tmp_path) -> None:
    rows = [10, 7, 100, 8]
    uris = [f"/data/pool.parquet#row={row}" for row in rows] + ["/data/a.png", "/data/z#row=x.png"]
    listed = tmp_path / "listed.parquet"
    pq.write_table(pa.table({"key": [f"k{place}" for place in range(len(uris))], "uri": uris}), listed)
    ordered = pq.read_table(in_reading_order(listed, None, tmp_path))
    assert ordered.column_names == ["key", "uri"]
    assert ordered["uri"].to_pylist() == [
        "/data/a.png",
        *(f"/data/pool.parquet#row={row}" for row in sorted(rows)),
        "/data/z#row=x.png",
    ]
