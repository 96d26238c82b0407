import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simcore.errors import InputError
from simcore.images import read_bytes
from simcore.images.sources import READERS, Request
from simcore.images.sources.packed import list_images

TARGET = Request(role="target")


def rows(images: pd.DataFrame) -> list[tuple[str, str | None, str | None]]:
    return [
        tuple(None if pd.isna(value) else value for value in row)
        for row in images[["key", "label", "split"]].itertuples(index=False)
    ]


def test_rows_in_file_order_with_uris_that_lead_back(pack) -> None:
    path = pack({"key": ["b", "a"], "image": [b"one", b"two"], "label": ["cat", "cat"], "split": ["train", "test"]})
    images = list_images(path, TARGET).images
    assert rows(images) == [("b", "cat", "train"), ("a", "cat", "test")]
    assert [read_bytes(uri) for uri in images["uri"]] == [b"one", b"two"]


def test_without_label_and_split_everything_is_train(pack) -> None:
    assert rows(list_images(pack({"key": ["a", "b"]}), TARGET).images) == [
        ("a", None, "train"),
        ("b", None, "train"),
    ]


def test_with_labels_alone_the_split_is_open(pack) -> None:
    path = pack({"key": ["a", "b"], "label": ["x", "y"]})
    assert rows(list_images(path, TARGET).images) == [("a", "x", None), ("b", "y", None)]
    none = list_images(path, Request(role="target", labels="none")).images
    assert rows(none) == [("a", None, "train"), ("b", None, "train")]


def test_an_openset_is_all_train_and_may_be_labelled_in_part(pack) -> None:
    path = pack({"key": ["a", "b", "c"], "label": ["x", None, ""], "split": ["test", None, "odd"]})
    images = list_images(path, Request(role="openset")).images
    assert rows(images) == [("a", "x", "train"), ("b", None, "train"), ("c", None, "train")]


def test_labels_of_other_types_become_text(tmp_path: Path) -> None:
    table = pa.table(
        {
            "key": pa.array(["a", "b"], pa.large_string()),
            "image": pa.array([b"x", b"y"], pa.large_binary()),
            "label": pa.array([3, 4], pa.int64()),
            "split": pa.array(["train", "test"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "p.parquet")
    images = list_images(tmp_path / "p.parquet", Request(role="openset")).images
    assert rows(images) == [("a", "3", "train"), ("b", "4", "train")]
    assert read_bytes(images["uri"][1]) == b"y"


def test_a_folder_of_packed_files_is_one_source(pack, tmp_path: Path) -> None:
    pack({"key": ["c", "a"], "image": [b"1", b"2"]}, name="shards/part-00000.parquet")
    pack({"key": ["b"], "image": [b"3"]}, name="shards/part-00001.parquet")
    (tmp_path / "shards" / "_SUCCESS").touch()
    assert READERS["packed"].recognises(tmp_path / "shards")
    images = list_images(tmp_path / "shards", TARGET).images
    assert {key: read_bytes(uri) for key, uri in images[["key", "uri"]].to_numpy()} == {
        "c": b"1",
        "a": b"2",
        "b": b"3",
    }
    pack({"key": ["b"]}, name="shards/part-00002.parquet")
    with pytest.raises(InputError, match=r"Key 'b' is at .*00001.parquet#row=0 and at .*00002.parquet#row=0"):
        list_images(tmp_path / "shards", TARGET)


def test_recognised_by_content_and_not_by_name(pack, plant, tmp_path: Path) -> None:
    path = pack({"key": ["a"]})
    assert READERS["packed"].recognises(path.rename(tmp_path / "no_ending"))
    (tmp_path / "text.parquet").write_text("text")
    assert not READERS["packed"].recognises(tmp_path / "text.parquet")
    assert not READERS["packed"].recognises(plant("a.png", extra=["labels.parquet"]))
    (tmp_path / "empty").mkdir()
    assert not READERS["packed"].recognises(tmp_path / "empty")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": [b"x"]}, "lacks the column `key` (it has `image`)"),
        ({"key": ["a"], "image": ["text"]}, "Column `image` of"),
        ({"key": [["a"]]}, "Column `key` of"),
        ({"key": ["a", None]}, "Row 1 of"),
        ({"key": ["a", ""]}, "Row 1 of"),
        ({"key": ["a", "b", "a"]}, "Key 'a' is at"),
        ({"key": ["a", "b"], "split": ["train", "val"]}, "has the split 'val'"),
        ({"key": ["a", "b"], "split": ["train", None]}, "has no split"),
        ({"key": ["a"], "split": ["test"]}, "has no train images"),
        ({"key": ["a", "b"], "label": ["x", None]}, "Image 'b' of"),
        ({"key": ["a", "b"], "label": ["x", "y"], "split": ["train", "test"]}, "Test class 'y' of"),
    ],
)
def test_broken_files(pack, tmp_path: Path, columns: dict[str, list], message: str) -> None:
    if set(columns) == {"image"}:
        path = tmp_path / "packed.parquet"
        pq.write_table(pa.table(columns), path)
    else:
        path = pack(columns)
    with pytest.raises(InputError, match=re.escape(message)):
        list_images(path, TARGET)


def test_labels_that_are_insisted_on(pack) -> None:
    with pytest.raises(InputError, match="has no labels"):
        list_images(pack({"key": ["a"]}), Request(role="target", labels="folder"))


def test_no_rows(tmp_path: Path) -> None:
    table = pa.table({"key": pa.array([], pa.string()), "image": pa.array([], pa.binary())})
    pq.write_table(table, tmp_path / "p.parquet")
    with pytest.raises(InputError, match="has no rows"):
        list_images(tmp_path / "p.parquet", TARGET)


def test_half_a_file(pack) -> None:
    path = pack({"key": ["a"]})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="is not a whole Parquet file"):
        list_images(path, TARGET)
