"""Lists of millions of images, batch by batch."""

import os
from pathlib import Path

import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.images.sources import folder, pools
from simcore.images.sources.coco import READER
from simcore.images.sources.reader import Request
from tests.images.sources.listings import column
from tests.images.sources.miniatures._pixels import save_jpeg


def _listed(root: Path, *lists: Path, **options) -> list[pd.DataFrame]:
    options = {"request": Request(role="openset"), "split": "train", "label": lambda _, n: f"c{n}", **options}
    return list(pools.listed_frames(root, lists, reader=READER, **options))


@pytest.fixture
def listed(tmp_path: Path):
    names = [f"q{number % 3}/{number}.jpg" for number in range(7)]
    for number, name in enumerate(names):
        save_jpeg(tmp_path / "images" / name, number)
    path = tmp_path / "list.txt"
    path.write_text("\n".join(f"/{name} {number}" for number, name in enumerate(names)))
    return tmp_path, path, names


@pytest.mark.parametrize("rows", [1, 2, 7, 100])
def test_batches_do_not_change_what_is_listed(listed, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    root, path, names = listed
    monkeypatch.setattr(pools, "LISTING_ROWS", rows)
    frames = _listed(root, path, path, below="images", reasons={"images/q1/4.jpg": "it is grey"})
    assert max(map(len, frames)) <= rows
    frame = pd.concat(frames, ignore_index=True)
    assert frame["key"].tolist() == [f"images/{name}" for name in names] * 2
    assert frame["label"].tolist() == [f"c{number}" for number in range(7)] * 2
    assert frame["uri"].tolist() == [str(root / "images" / name) for name in names] * 2
    assert {key for key, reason in column(frame, "reason").items() if reason} == {"images/q1/4.jpg"}


@pytest.mark.parametrize("line", ["q0/0.jpg", "q0/0.jpg x", " 7"])
def test_a_line_that_is_no_path_and_number(listed, line: str) -> None:
    root, path, _ = listed
    path.write_text(f"q0/0.jpg 0\n\n{line}\n")
    with pytest.raises(InputError, match=rf"Line 3 of .*list.txt is '{line.strip()}'"):
        _listed(root, path, below="images")


def test_a_list_that_leads_out(listed) -> None:
    root, path, _ = listed
    path.write_text("../../etc/passwd 0\n")
    with pytest.raises(InputError, match="leads out of that folder"):
        _listed(root, path, below="images")


def test_a_list_that_is_no_text(listed) -> None:
    root, path, _ = listed
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not a text file that can be read"):
        _listed(root, path)


def test_a_list_of_nothing(listed) -> None:
    root, path, _ = listed
    path.write_text("\n")
    with pytest.raises(InputError, match="name no images"):
        _listed(root, path)


def test_folders_come_in_batches_with_what_cannot_be_opened(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "LISTING_ROWS", 2)
    for number in range(5):
        save_jpeg(tmp_path / "pool" / "a" / f"{number}.jpg", number)
    (tmp_path / "pool" / "a" / "dead.jpg").symlink_to(tmp_path / "nothing")
    Path(os.fsdecode(os.fsencode(tmp_path / "pool" / "a") + b"/\xff.jpg")).touch()
    frames = list(pools.folder_frames(tmp_path, "pool", request=Request(role="target"), split=None))
    assert [len(frame) for frame in frames] == [2, 2, 2, 1]
    frame = pd.concat(frames)
    assert column(frame, "reason") == {
        **{f"pool/a/{number}.jpg": None for number in range(5)},
        "pool/a/dead.jpg": "it is a link to nothing",
        "pool/a/\\udcff.jpg": "its path is not valid UTF-8",
    }
    assert set(frame["label"]) == {"a"}
    assert frame["split"].isna().all()


@pytest.mark.parametrize(
    ("names", "expected"),
    [(("q0001", "q0002"), True), (("q0001", "cat"), False), ((".git", "q0001"), True), ((".git",), False), ((), False)],
)
def test_folders_that_are_named_so(tmp_path: Path, names: tuple[str, ...], expected: bool) -> None:
    for name in names:
        (tmp_path / name).mkdir()
    assert pools.named_folders(tmp_path, lambda name: name.startswith("q")) is expected


def test_files_are_no_folders(tmp_path: Path) -> None:
    (tmp_path / "q1").touch()
    assert not pools.named_folders(tmp_path, lambda name: name.startswith("q"))
    assert not pools.named_folders(tmp_path / "q1", lambda name: True)
    assert not pools.named_folders(tmp_path / "nothing", lambda name: True)
