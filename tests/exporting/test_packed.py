"""Packed Parquet."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from simcore.exporting import packed, write_packed
from simcore.images import read_bytes, read_source
from tests.exporting.conftest import files_below


def test_it_is_a_source_again(images: pd.DataFrame, contents: dict[str, bytes], tmp_path: Path) -> None:
    write_packed(images, tmp_path / "out")
    manifest = read_source(tmp_path / "out", role="openset").manifest.set_index("key")
    assert set(manifest.index) == set(contents)
    assert all(read_bytes(uri) == contents[key] for key, uri in manifest["uri"].items())
    assert manifest["label"].to_dict() == images.set_index("key")["label"].to_dict()


def test_without_labels_it_is_an_unlabelled_target(in_files: pd.DataFrame, tmp_path: Path) -> None:
    write_packed(in_files.drop(columns="label"), tmp_path / "out")
    ingested = read_source(tmp_path / "out", role="target")
    assert not ingested.labelled and set(ingested.manifest["split"]) == {"train"}


def test_order_and_places(images: pd.DataFrame, contents: dict[str, bytes], tmp_path: Path) -> None:
    places = write_packed(images, tmp_path)
    table = pq.read_table(tmp_path / "part-00000.parquet")
    assert table["key"].to_pylist() == images["key"].tolist()
    assert places == [f"part-00000.parquet#row={row}" for row in range(len(images))]
    assert table.column_names == ["key", "image", "label", "split"]
    assert table["image"].to_pylist() == [contents[key] for key in images["key"]]


def test_the_same_images_give_the_same_bytes(in_files: pd.DataFrame, in_rows: pd.DataFrame, tmp_path: Path) -> None:
    write_packed(in_files, tmp_path / "a", workers=1)
    write_packed(in_rows, tmp_path / "b", workers=3)
    assert files_below(tmp_path / "a") == files_below(tmp_path / "b")


def test_groups_and_parts_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_GROUP_BYTES", 300_000)
    monkeypatch.setattr(packed, "_GROUP_ROWS", 4)
    sizes = [100_000] * 12 + [10] * 9 + [2_000_000, 10]
    for number, size in enumerate(sizes):
        (tmp_path / f"{number}.png").write_bytes(bytes([number]) * size)
    keys = [f"{number}.png" for number in range(len(sizes))]
    table = pd.DataFrame({"key": keys, "uri": [str(tmp_path / key) for key in keys]})
    places = write_packed(table, tmp_path / "out", shard_mib=1)
    found: dict[str, list[list[int]]] = {}
    for path in sorted((tmp_path / "out").iterdir()):
        file = pq.ParquetFile(path)
        groups = [file.read_row_group(group)["image"].to_pylist() for group in range(file.num_row_groups)]
        found[path.name] = [[len(data) for data in group] for group in groups]
    assert found == {
        "part-00000.parquet": [[100_000] * 3] * 3,
        "part-00001.parquet": [[100_000] * 3, [10] * 4, [10] * 4, [10]],
        "part-00002.parquet": [[2_000_000]],
        "part-00003.parquet": [[10]],
    }
    for key, place in zip(keys, places, strict=True):
        assert read_bytes(str(tmp_path / "out" / place)) == (tmp_path / key).read_bytes()
