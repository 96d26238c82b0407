"""Parts of a listing: what is opened, what is known before, what is there already."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simcore.images.verify import measure_images, verify_parts


def table(root: Path, names: list[str], reasons: list[str | None]) -> pa.Table:
    return pa.table(
        {
            "key": names,
            "uri": [str(root / name) for name in names],
            "reason": pa.array(reasons, pa.large_string()),
            "more": list(range(len(names))),
        }
    )


def test_a_part_holds_its_rows_by_key_with_sizes_and_reasons(plant, tmp_path: Path) -> None:
    root = plant("a.png", "b.png", "c.png", extra=["d.png"])
    rows = table(root, ["d.png", "c.png", "a.png"], [None, "left out", None])
    (path,) = verify_parts([rows], tmp_path / "parts", total=3, verify="decode")
    part = pq.read_table(path).to_pylist()
    assert [(row["key"], row["width"], row["height"], row["more"]) for row in part] == [
        ("a.png", 10, 8, 2),
        ("c.png", 0, 0, 1),
        ("d.png", 0, 0, 0),
    ]
    assert [row["reason"] for row in part][:2] == [None, "left out"]
    assert "known image format" in part[2]["reason"]


def test_parts_that_are_there_are_not_made_again(plant, tmp_path: Path) -> None:
    root = plant("a.png", "b.png")
    tables = [table(root, ["a.png"], [None]), table(root, ["b.png"], [None])]
    paths = verify_parts(tables, tmp_path, total=2, verify="header")
    assert [path.name for path in paths] == ["part-00000.parquet", "part-00001.parquet"]
    before = paths[0].stat().st_mtime_ns
    paths[1].unlink()
    assert verify_parts(tables, tmp_path, total=2, verify="header") == paths
    assert paths[0].stat().st_mtime_ns == before and paths[1].exists()


def test_workers_do_not_change_the_answer(plant) -> None:
    root = plant(*(f"{number:02}.png" for number in range(40)), extra=["40.png"])
    uris = [str(path) for path in sorted(root.iterdir())]
    first = measure_images(uris, workers=1)
    assert first.equals(measure_images(uris, workers=4))
    assert first["reason"].isna().sum() == 40


@pytest.mark.parametrize("verify", ["decode", "header"])
def test_files_that_are_gone_or_locked_are_unusable_images(plant, verify: str) -> None:
    root = plant("a.png")
    (root / "folder.png").mkdir()
    uris = [str(root / name) for name in ("a.png", "gone.png", "folder.png", "a\0.png")]
    found = measure_images(uris, verify=verify)["reason"]
    assert found.isna().tolist() == [True, False, False, False]
    assert found[1] == "the file does not exist"
    assert "directory" in found[2]
    assert "NUL byte" in found[3]
