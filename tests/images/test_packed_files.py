import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simcore.images.packed_files import (
    count_image_bytes,
    features,
    image_column,
    is_bytes,
    is_bytes_and_path,
    open_parquet,
    read_images,
    row_group_bounds,
)

IMAGES = [b"a" * 10_000, b"b" * 20_000, None, b"c" * 30_000, b"d" * 40_000]


def flat() -> pa.Table:
    return pa.table({"key": list("abcde"), "image": pa.array(IMAGES, pa.large_binary())})


def nested() -> pa.Table:
    """Return a table in which the columns before the images have several leaves, and the paths are long."""
    structs = [{"path": "p" * 100_000, "bytes": data} for data in IMAGES]
    kind = pa.struct({"path": pa.string(), "bytes": pa.binary()})
    return pa.table({"box": [{"x": 1, "y": 2}] * 5, "image": pa.array(structs, kind)})


@pytest.mark.parametrize("make", [flat, nested])
def test_images_by_row_group_here_and_behind_urls(make, tmp_path: Path, memory_copy) -> None:
    (tmp_path / "set").mkdir()
    pq.write_table(make(), tmp_path / "set" / "a.parquet", row_group_size=2, compression="none", use_dictionary=False)
    for top in (str(tmp_path / "set"), f"file://{tmp_path}/set", memory_copy(tmp_path / "set")):
        path = f"{top}/a.parquet"
        assert row_group_bounds(path).tolist() == [0, 2, 4, 5]
        assert row_group_bounds(path).dtype == np.int64
        assert [read_images(path, group).to_pylist() for group in range(3)] == [IMAGES[:2], IMAGES[2:4], IMAGES[4:]]
        rows, size = count_image_bytes(path)
        assert rows == 5
        # Parquet keeps the smallest and largest value of a page beside it.
        assert 100_000 <= size < 400_000


def test_an_empty_file(tmp_path: Path) -> None:
    pq.write_table(flat().slice(0, 0), tmp_path / "a.parquet")
    assert row_group_bounds(str(tmp_path / "a.parquet")).tolist()[-1] == 0
    assert count_image_bytes(str(tmp_path / "a.parquet"))[0] == 0


def described(columns: dict[str, pa.DataType], facts: Any) -> pa.Schema:
    metadata = {"huggingface": facts if isinstance(facts, str) else json.dumps({"info": {"features": facts}})}
    return pa.schema(list(columns.items()), metadata=metadata)


@pytest.mark.parametrize(
    ("facts", "column"),
    [
        ({"img": {"_type": "Image"}}, "img"),
        ({"img": {"_type": "Image"}, "mask": {"_type": "Image"}}, None),
        ({"gone": {"_type": "Image"}}, None),
        ({"img": "Image"}, None),
        ([], None),
        ("no json", None),
        ("null", None),
    ],
)
def test_the_column_of_images_by_the_metadata(facts: Any, column: str | None) -> None:
    columns = {"img": pa.binary(), "mask": pa.binary()}
    assert image_column(described(columns, facts)) == column
    assert image_column(described(columns | {"image": pa.binary()}, facts)) == "image"
    assert set(features(described(columns, facts))) <= {"img", "mask", "gone"}


def test_types_of_columns() -> None:
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view()):
        assert is_bytes(kind)
        assert is_bytes_and_path(pa.struct({"bytes": kind}))
    for kind in (pa.string(), pa.struct({"path": pa.string()}), pa.struct({"bytes": pa.string()}), pa.list_(pa.int8())):
        assert not is_bytes(kind)
        assert not is_bytes_and_path(kind)


def test_what_is_no_parquet_file(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("text")
    for top in (str(tmp_path), f"file://{tmp_path}"):
        with pytest.raises(pa.ArrowInvalid), open_parquet(f"{top}/a.parquet"):
            pass
        with pytest.raises(FileNotFoundError), open_parquet(f"{top}/gone.parquet"):
            pass
