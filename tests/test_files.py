"""Atomic writes on a disk in trouble: what is said, what is left."""

import errno
import sqlite3
from pathlib import Path

import pytest

from simcore.errors import DiskError, InputError
from simcore.files import atomic_directory, atomic_file, check_writable, disk_trouble, remove_partial


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space is left"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "No space is left"),
        (OSError("Error writing bytes to file. Detail: [errno 28] No space left on device"), "No space is left"),
        (RuntimeError('IoError(Os { code: 28, kind: StorageFull, message: "No space" })'), "No space is left"),
        (sqlite3.OperationalError("database or disk is full"), "No space is left"),
        (OSError(errno.EROFS, "Read-only file system"), "mounted read-only"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "mounted read-only"),
        (OSError(errno.EIO, "Input/output error"), "reports an error"),
    ],
)
def test_trouble_is_told_in_one_sentence_wherever_it_comes_from(error: Exception, words: str, tmp_path: Path) -> None:
    place = tmp_path / "not yet" / "a.parquet"
    try:
        try:
            raise error
        except Exception as cause:
            raise ValueError("while saving") from cause
    except ValueError as wrapped:
        told = disk_trouble(wrapped, place=place)
    assert told is not None and words in told and str(place) in told and "\n" not in told


def test_other_errors_are_no_trouble_of_the_disk(tmp_path: Path) -> None:
    for error in (
        KeyError("key"),
        FileNotFoundError(errno.ENOENT, "No such file", "x"),
        RuntimeError("PytorchStreamWriter failed writing file"),  # the disk has space
        PermissionError(errno.EACCES, "Permission denied", "/somewhere/else.png"),
    ):
        assert disk_trouble(error, place=tmp_path / "a") is None
    denied = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "a"))
    assert "may not write there" in str(disk_trouble(denied, place=tmp_path / "a"))


def test_another_disk_in_trouble_is_the_one_that_is_named(tmp_path: Path) -> None:
    broken = OSError(errno.EIO, "Input/output error", "/proc/images/wren.png")
    assert "reports an error at /proc/images/wren.png" in str(disk_trouble(broken, place=tmp_path))
    here = OSError(errno.EIO, "Input/output error", str(tmp_path / "file"))
    assert f"reports an error at {tmp_path};" in str(disk_trouble(here, place=tmp_path))
    shared = RuntimeError("unable to write to file </torch_1_2_0>: No space left on device (28)")
    assert "more shared memory" in str(disk_trouble(shared, place=tmp_path))


@pytest.mark.parametrize("atomic", [atomic_file, atomic_directory])
def test_writers_raise_it_and_leave_nothing(atomic, tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="No space is left to write"), atomic(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(KeyError), atomic(tmp_path / "a"):
        raise KeyError("mine")
    with pytest.raises(InputError, match="No space left on device"), atomic(tmp_path / "a"):
        raise InputError("said already: No space left on device")
    assert not list(tmp_path.iterdir())


def test_a_place_is_tried_before_work_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_writable(tmp_path / "new" / "root")
    assert list((tmp_path / "new" / "root").iterdir()) == []

    def refuse(self: Path, data: bytes) -> int:
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(DiskError, match="mounted read-only"):
        check_writable(tmp_path)


def test_only_what_writers_left_is_removed(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / "kept") as partial:
        (partial / "a").touch()
    (tmp_path / ".kept.0123abcd.partial").mkdir()
    (tmp_path / ".kept.0123abcd.partial" / "a").touch()
    (tmp_path / ".b.json.0123abcd.partial").touch()
    (tmp_path / "c.partial").touch()
    remove_partial(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.partial", "kept"]


def test_what_others_write_in_the_same_folder_stays(tmp_path: Path) -> None:
    (tmp_path / ".a[x].csv.0123abcd.partial").touch()
    (tmp_path / ".a[x].csv.content.json.0123abcd.partial").touch()
    (tmp_path / ".a.csv.0123abcd.partial").touch()
    remove_partial(tmp_path, of="a[x].csv.")
    assert [path.name for path in tmp_path.iterdir()] == [".a.csv.0123abcd.partial"]
