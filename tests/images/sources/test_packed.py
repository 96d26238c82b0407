import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simcore.errors import InputError
from simcore.images import ImageStore, decode, read_bytes, read_source
from simcore.images.sources import LISTING_COLUMNS, READERS, Request, packed
from simcore.images.sources.packed import list_images, recognises
from tests.images.sources.listings import none

TARGET, OPENSET = Request(role="target"), Request(role="openset")

Row = tuple[str, str | None, str | None]


def listed(place: str | Path, request: Request = TARGET) -> pd.DataFrame:
    """Return all frames, in the order they come in."""
    frame = pd.concat(list(list_images(place, request)), ignore_index=True)
    assert tuple(frame.columns) == LISTING_COLUMNS
    assert {str(kind) for kind in frame.dtypes} == {"str"}
    return frame


def rows(images: pd.DataFrame) -> list[Row]:
    return [(none(key), none(label), none(split)) for key, label, split in images[["key", "label", "split"]].to_numpy()]


def test_rows_in_file_order_with_uris_that_lead_back(pack) -> None:
    path = pack({"key": ["b", "a"], "image": [b"one", b"two"], "label": ["cat", "cat"], "split": ["train", "test"]})
    images = listed(path)
    assert rows(images) == [("b", "cat", "train"), ("a", "cat", "test")]
    assert [read_bytes(uri) for uri in images["uri"]] == [b"one", b"two"]


def test_without_label_and_split_nothing_is_said(pack) -> None:
    path = pack({"key": ["a", "b"]})
    assert rows(listed(path)) == [("a", None, None), ("b", None, None)]
    assert set(read_source(path).manifest["split"]) == {"train"}


def test_with_labels_alone_the_split_is_open(pack) -> None:
    path = pack({"key": ["a", "b"], "label": ["x", "y"]})
    assert rows(listed(path)) == [("a", "x", None), ("b", "y", None)]
    assert rows(listed(path, Request(role="target", labels="none"))) == [("a", None, None), ("b", None, None)]


def test_an_openset_is_all_train_and_may_be_labelled_in_part(pack) -> None:
    path = pack({"key": ["a", "b", "c"], "label": ["x", None, ""], "split": ["test", None, "odd"]})
    assert [label for _, label, _ in rows(listed(path, OPENSET))] == ["x", None, None]
    assert rows(read_source(path, role="openset").manifest) == [
        ("a", "x", "train"),
        ("b", None, "train"),
        ("c", None, "train"),
    ]


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
    images = listed(tmp_path / "p.parquet", OPENSET)
    assert rows(images) == [("a", "3", "train"), ("b", "4", "test")]
    assert read_bytes(images["uri"][1]) == b"y"


def test_a_folder_of_packed_files_is_one_source(pack, tmp_path: Path) -> None:
    pack({"key": ["c", "a"], "image": [b"1", b"2"]}, name="shards/part-00000.parquet")
    pack({"key": ["b"], "image": [b"3"]}, name="shards/part-00001.parquet")
    (tmp_path / "shards" / "_SUCCESS").touch()
    assert recognises(tmp_path / "shards")
    images = listed(tmp_path / "shards")
    assert {key: read_bytes(uri) for key, uri in images[["key", "uri"]].to_numpy()} == {
        "c": b"1",
        "a": b"2",
        "b": b"3",
    }
    pack({"key": ["b"]}, name="shards/part-00002.parquet")
    with pytest.raises(InputError, match=r"Key 'b' is at .*00001.parquet#row=0 and at .*00002.parquet#row=0"):
        read_source(tmp_path / "shards")


def test_long_files_come_in_frames(pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "LISTING_ROWS", 4)
    path = pack({"key": [str(row) for row in range(10)], "image": [b"x"] * 10}, row_group_size=3)
    frames = list(list_images(path, TARGET))
    assert max(len(frame) for frame in frames) <= 4
    assert pd.concat(frames)["key"].tolist() == [str(row) for row in range(10)]
    assert pd.concat(frames)["uri"].tolist() == [f"{path}#row={row}" for row in range(10)]


def test_recognised_by_content_and_not_by_name(pack, plant, tmp_path: Path) -> None:
    path = pack({"key": ["a"]})
    assert recognises(path.rename(tmp_path / "no_ending"))
    (tmp_path / "text.parquet").write_text("text")
    assert not recognises(tmp_path / "text.parquet")
    assert not recognises(plant("a.png", extra=["labels.parquet"]))
    (tmp_path / "empty").mkdir()
    assert not recognises(tmp_path / "empty")
    assert not recognises(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": [b"x"]}, "lacks the column `key` (it has `image`)"),
        ({"key": ["a"], "picture": [b"x"]}, "lacks the column `image` (it has `key`, `picture`)"),
        ({"key": ["a"], "image": ["text"]}, "Column `image` of"),
        ({"image": [{"path": "a.png"}]}, "Column `image` of"),
        ({"key": [["a"]], "image": [b"x"]}, "Column `key` of"),
        ({"key": ["a", None], "image": [b"x"] * 2}, "Row 1 of"),
        ({"key": ["a", ""], "image": [b"x"] * 2}, "Row 1 of"),
        ({"key": ["a"], "image": [b"x"], "label": [["x"]]}, "Column `label` of"),
    ],
)
def test_broken_files(tmp_path: Path, columns: dict[str, list], message: str) -> None:
    path = tmp_path / "packed.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(InputError, match=re.escape(message)):
        listed(path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"key": ["a", "b", "a"]}, "Key 'a' is at"),
        ({"key": ["a", "b"], "split": ["train", "dev"]}, "has the split 'dev'"),
        ({"key": ["a", "b"], "split": ["test", None]}, "has no split"),
        ({"key": ["a"], "split": ["test"]}, "has no train images"),
        ({"key": ["a", "b"], "label": ["x", None]}, "Image 'b' of"),
        ({"key": ["a", "b"], "label": ["x", "y"], "split": ["train", "test"]}, "Test class 'y' of"),
    ],
)
def test_rows_that_do_not_go_together(pack, columns: dict[str, list], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        read_source(pack(columns))


def test_validation_rows_are_train(pack) -> None:
    path = pack({"key": ["a", "b", "c"], "split": ["train", "validation", "test"]})
    assert listed(path)["split"].tolist() == ["train", "train", "test"]


def test_labels_that_are_insisted_on(pack) -> None:
    with pytest.raises(InputError, match="has no labels"):
        listed(pack({"key": ["a"]}), Request(role="target", labels="folder"))
    path = pack({"key": ["a"], "label": ["x"]})
    assert rows(listed(path, Request(role="target", labels="folder"))) == [("a", "x", None)]


def test_no_rows(tmp_path: Path) -> None:
    table = pa.table({"key": pa.array([], pa.string()), "image": pa.array([], pa.binary())})
    pq.write_table(table, tmp_path / "p.parquet")
    with pytest.raises(InputError, match="has no rows"):
        listed(tmp_path / "p.parquet")


def test_half_a_file(pack) -> None:
    path = pack({"key": ["a"]})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="is not a whole Parquet file"):
        listed(path)


def test_a_damaged_column(pack) -> None:
    path = pack({"key": [str(number) * 40 for number in range(300)], "image": [b"x" * 100] * 300})
    data = bytearray(path.read_bytes())
    data[4:400] = bytes(396)
    path.write_bytes(data)
    with pytest.raises(InputError, match="is not a whole Parquet file"):
        listed(path)


CLASSES = ["cat", "dog", "wren"]


@pytest.fixture
def hugging_face(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes rows (path, label) as Hugging Face's `datasets` writes a set of images."""

    def write(
        name: str,
        items: list[tuple[str | None, int | None]],
        *,
        images: list[bytes | None] | None = None,
        column: str = "image",
        label: str | None = "label",
        names: Any = CLASSES,
    ) -> Path:
        data = [b"pixels %d" % row for row in range(len(items))] if images is None else images
        struct = [{"bytes": one, "path": path} for one, (path, _) in zip(data, items, strict=True)]
        kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
        columns: dict[str, pa.Array] = {column: pa.array(struct, kind)}
        features: dict[str, Any] = {column: {"_type": "Image"}}
        if label is not None:
            columns[label] = pa.array([number for _, number in items], pa.int64())
            features[label] = {"names": names, "_type": "ClassLabel"}
        table = pa.table(columns).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, row_group_size=2)
        (tmp_path / "repository" / "README.md").write_text("card")
        (tmp_path / "repository" / ".gitattributes").write_text("*.parquet filter=lfs")
        return tmp_path / "repository"

    return write


def test_hugging_face_sets_take_splits_of_files_names_of_metadata_and_keys_of_paths(hugging_face, memory_copy) -> None:
    hugging_face("data/train-00000-of-00002.parquet", [("a.jpg", 0), ("b.jpg", 1), ("c.jpg", 0)])
    hugging_face("data/train-00001-of-00002.parquet", [("d.jpg", 2)])
    hugging_face("data/validation-00000-of-00001.parquet", [("e.jpg", 1)])
    root = hugging_face("data/test-00000-of-00001.parquet", [("f.jpg", 2), ("g.jpg", -1), ("h.jpg", None)])
    expected = [
        ("a.jpg", "cat", "train"),
        ("b.jpg", "dog", "train"),
        ("c.jpg", "cat", "train"),
        ("d.jpg", "wren", "train"),
        ("e.jpg", "dog", "train"),
        ("f.jpg", "wren", "test"),
        ("g.jpg", None, "test"),
        ("h.jpg", None, "test"),
    ]
    for place in (root, root / "data", memory_copy(root), f"file://{root}"):
        assert recognises(place)
        images = listed(place)
        assert sorted(rows(images)) == expected
        found = {key: read_bytes(uri) for key, uri in images[["key", "uri"]].to_numpy()}
        assert (found["b.jpg"], found["d.jpg"], found["h.jpg"]) == (b"pixels 1", b"pixels 0", b"pixels 2")
    (root / "data" / "test-00000-of-00001.parquet").unlink()
    assert {key: split for key, _, split in rows(listed(root))} == {
        "a.jpg": "train",
        "b.jpg": "train",
        "c.jpg": "train",
        "d.jpg": "train",
        "e.jpg": "test",
    }


@pytest.mark.parametrize("paths", [["0.png", "1.png", "0.png"], ["0.png", None, "2.png"], ["0.png", "", "2.png"]])
def test_rows_are_the_keys_where_paths_do_not_tell_them_apart(hugging_face, paths: list[str | None]) -> None:
    hugging_face("data/train-00000-of-00001.parquet", [(paths[0], 0), (paths[1], 1)])
    root = hugging_face("data/test-00000-of-00001.parquet", [(paths[2], 0)])
    assert sorted(rows(listed(root))) == [
        ("test-00000-of-00001/00000000", "cat", "test"),
        ("train-00000-of-00001/00000000", "cat", "train"),
        ("train-00000-of-00001/00000001", "dog", "train"),
    ]


def test_a_single_file_of_a_set_has_no_split(hugging_face) -> None:
    root = hugging_face("data/train-00000-of-00001.parquet", [("a.jpg", 0), ("b.jpg", 1)])
    for place in (root, root / "data" / "train-00000-of-00001.parquet"):
        assert rows(listed(place)) == [("a.jpg", "cat", None), ("b.jpg", "dog", None)]


def test_other_names_of_columns_are_found_by_the_metadata(hugging_face) -> None:
    root = hugging_face("train.parquet", [("a.jpg", 2), ("b.jpg", 0)], column="img", label="fine_label")
    images = listed(root)
    assert rows(images) == [("a.jpg", "wren", None), ("b.jpg", "cat", None)]
    assert [read_bytes(uri) for uri in images["uri"]] == [b"pixels 0", b"pixels 1"]


@pytest.mark.parametrize("names", [None, [], {"0": "cat"}])
def test_numbers_without_names_are_labels_themselves(hugging_face, names: Any) -> None:
    assert rows(listed(hugging_face("x.parquet", [("a.jpg", 2), ("b.jpg", 0)], names=names))) == [
        ("a.jpg", "2", None),
        ("b.jpg", "0", None),
    ]


def test_a_class_beyond_the_names(hugging_face) -> None:
    with pytest.raises(InputError, match=r"Row 2 of .*x\.parquet has the class 3, but its metadata name 3 classes"):
        listed(hugging_face("x.parquet", [("a.jpg", 2), ("b.jpg", 0), ("c.jpg", 3)]))


@pytest.mark.parametrize("metadata", [b"", b"[]", b"{", b'{"info": null}', b'{"info": {"features": [1]}}', b"\xff"])
def test_metadata_that_say_nothing_are_of_no_harm(tmp_path: Path, metadata: bytes) -> None:
    table = pa.table({"image": [{"bytes": b"x", "path": "a.png"}], "label": [4]})
    pq.write_table(table.replace_schema_metadata({b"huggingface": metadata}), tmp_path / "x.parquet")
    assert rows(listed(tmp_path / "x.parquet")) == [("a.png", "4", None)]


def test_a_key_column_goes_before_paths(tmp_path: Path) -> None:
    table = pa.table({"key": ["one"], "image": [{"bytes": b"x", "path": "a.png"}], "split": ["train"]})
    pq.write_table(table, tmp_path / "x.parquet")
    assert rows(listed(tmp_path / "x.parquet")) == [("one", None, "train")]


def test_rows_without_bytes_are_rejected_and_the_others_seen(hugging_face, noise, encode) -> None:
    pictures = [encode(noise(20, 10, seed=row)) for row in range(8)]
    items = [(f"{row}.png", row % 2) for row in range(10)]
    root = hugging_face("train.parquet", items, images=[*pictures, None, b"no image"])
    ingested = read_source(root, max_rejected=0.3, test_fraction=0.0)
    assert ingested.manifest["key"].tolist() == [f"{row}.png" for row in range(8)]
    assert ingested.rejected["key"].tolist() == ["8.png", "9.png"]
    assert ingested.rejected["reason"].tolist()[0] == "the row holds no image bytes"
    for cache_gib in (4.0, 1e-5, 0.0):
        store = ImageStore(ingested.manifest, cache_gib=cache_gib)
        for row, picture in enumerate(pictures):
            np.testing.assert_array_equal(store[row], decode(picture))


def test_images_are_not_read_when_listed(hugging_face, pack, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = pq.ParquetFile.iter_batches

    def iter_batches(self: pq.ParquetFile, *args: Any, columns: list[str], **kwargs: Any) -> Any:
        read.extend(columns)
        return original(self, *args, columns=columns, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    listed(hugging_face("x.parquet", [("a.jpg", 2), ("b.jpg", 0)]))
    listed(pack({"key": ["a"], "label": ["x"], "split": ["train"]}))
    assert set(read) == {"image.path", "label", "key", "split"}


def test_a_pattern_of_files(hugging_face) -> None:
    for number in range(3):
        root = hugging_face(f"data/train-{number:05d}-of-00003.parquet", [(None, number)])
    pattern = root / "data" / "train-{00000..00001}-of-00003.parquet"
    assert READERS["packed"].recognises(pattern)
    assert rows(listed(pattern)) == [
        ("train-00000-of-00003/00000000", "cat", None),
        ("train-00001-of-00003/00000000", "dog", None),
    ]


def test_behind_a_url(pack, memory_copy, tmp_path: Path, noise, encode) -> None:
    pictures = [encode(noise(20, 10, seed=row)) for row in range(4)]
    pack({"key": list("abcd"), "image": pictures}, name="set/a.parquet", row_group_size=3)
    url = memory_copy(tmp_path / "set")
    local = read_source(tmp_path / "set" / "a.parquet").manifest
    for place in (url, f"{url}/a.parquet", f"file://{tmp_path}/set/a.parquet"):
        remote = read_source(place, role="target", name="a").manifest
        pd.testing.assert_frame_equal(remote.drop(columns="uri"), local.drop(columns="uri"))
        for cache_gib in (4.0, 0.0):
            store = ImageStore(remote, cache_gib=cache_gib)
            np.testing.assert_array_equal(store[3], decode(pictures[3]))
    assert not recognises(f"{url}/gone.parquet")
    with pytest.raises(InputError, match=r"gone\.parquet does not exist"):
        read_source(f"{url}/gone.parquet")
