"""Where an export may go, and what a failed one leaves."""

from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.exporting import check_destination, export_directory
from tests.exporting.conftest import files_below

CORESET = {"what": "coreset", "form": "tar"}


def export(folder: Path, text: str = "a", thing: dict[str, str] = CORESET) -> None:
    with export_directory(folder, thing=thing) as partial:
        (partial / "images").mkdir()
        (partial / "images" / "a.txt").write_text(text)


@pytest.mark.parametrize("ready", ["missing", "empty", "below a missing folder"])
def test_a_free_place_is_taken(tmp_path: Path, ready: str) -> None:
    folder = tmp_path / "sub" / "out" if ready.startswith("below") else tmp_path / "out"
    if ready == "empty":
        folder.mkdir()
    export(folder)
    assert sorted(files_below(folder)) == ["export.json", "images/a.txt"]
    assert [entry.name for entry in folder.parent.iterdir()] == ["out"]


def test_an_earlier_export_of_the_same_is_replaced(tmp_path: Path) -> None:
    export(tmp_path / "out", "old")
    export(tmp_path / "out", "new")
    assert files_below(tmp_path / "out")["images/a.txt"] == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_link_to_the_folder_stays_one(tmp_path: Path) -> None:
    export(tmp_path / "out", "old")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    export(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "out" / "images" / "a.txt").read_text() == "new"


def test_other_things_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"holds other things \(thesis.tex, ...\); export into a new or empty folder"):
        export(tmp_path)
    assert files_below(tmp_path) == {"thesis.tex": b"years of work"}


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match="is a file"):
        export(tmp_path / "out")


def test_an_export_of_something_else_is_left_alone(tmp_path: Path) -> None:
    export(tmp_path / "out", "old")
    with pytest.raises(InputError, match=r"form tar, what coreset; now form list, what coreset"):
        export(tmp_path / "out", thing={"what": "coreset", "form": "list"})
    assert files_below(tmp_path / "out")["images/a.txt"] == b"old"


@pytest.mark.parametrize("change", ["notes.txt", "images/mine.txt", "-images/a.txt"])
def test_files_that_came_or_went_are_protected(tmp_path: Path, change: str) -> None:
    export(tmp_path / "out")
    if change.startswith("-"):
        (tmp_path / "out" / change[1:]).unlink()
    else:
        (tmp_path / "out" / change).write_text("mine")
    before = files_below(tmp_path / "out")
    with pytest.raises(InputError, match="files came or went since"):
        export(tmp_path / "out")
    assert files_below(tmp_path / "out") == before


@pytest.mark.parametrize("card", ["", "[]", "{}", '{"kind": "other"}'])
def test_a_card_of_someone_else_protects(tmp_path: Path, card: str) -> None:
    (tmp_path / "export.json").write_text(card)
    with pytest.raises(InputError, match="holds other things"):
        check_destination(tmp_path, thing=CORESET)


def test_a_failed_export_leaves_the_earlier_one(tmp_path: Path) -> None:
    export(tmp_path / "out", "old")
    with pytest.raises(RuntimeError), export_directory(tmp_path / "out", thing=CORESET) as partial:
        (partial / "half").write_text("half")
        raise RuntimeError
    assert files_below(tmp_path / "out")["images/a.txt"] == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_files_that_come_while_it_is_written_are_protected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds other things"), export_directory(tmp_path / "out", thing=CORESET):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine.txt").write_text("mine")
    assert files_below(tmp_path) == {"out/mine.txt": b"mine"}
