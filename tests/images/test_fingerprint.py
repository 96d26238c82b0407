import hashlib
import os
from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.images import fingerprint, source_fingerprint


def test_a_small_file_is_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    file.write_bytes(b"content")
    before = source_fingerprint(file)
    assert before == hashlib.sha256(b"content").hexdigest()
    os.utime(file, ns=(1, 1))
    assert source_fingerprint(file) == before
    file.write_bytes(b"contenT")
    assert source_fingerprint(file) != before


def test_a_large_file_is_its_size_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_WHOLE_FILE_BYTES", 3)
    file = tmp_path / "a.parquet"
    file.write_bytes(b"content")
    os.utime(file, ns=(5, 5))
    before = source_fingerprint(file)
    file.write_bytes(b"CONTENT")
    os.utime(file, ns=(5, 5))
    assert source_fingerprint(file) == before
    os.utime(file, ns=(5, 6))
    assert source_fingerprint(file) != before


def test_a_folder_changes_with_every_file_below_it(plant) -> None:
    root = plant("a/1.png", "b/2.png")
    seen = {source_fingerprint(root)}

    def changed() -> bool:
        seen.add(new := source_fingerprint(root))
        return new in seen and len(seen) == changed.expected

    for number, change in enumerate(
        (
            lambda: (root / "b" / "3.png").write_bytes(b"x"),
            lambda: (root / "b" / "3.png").rename(root / "b" / "4.png"),
            lambda: (root / "b" / "4.png").write_bytes(b"xy"),
            lambda: os.utime(root / "b" / "4.png", ns=(7, 7)),
            lambda: (root / "dead").symlink_to(root / "nothing"),
        ),
        start=2,
    ):
        change()
        changed.expected = number
        assert changed()
    before = source_fingerprint(root)
    (root / ".DS_Store").write_bytes(b"x")
    assert source_fingerprint(root) == before


def test_the_place_of_a_folder_does_not_matter(plant, tmp_path: Path) -> None:
    root = plant("a/1.png")
    before = source_fingerprint(root)
    assert source_fingerprint(root.rename(tmp_path / "moved")) == before


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        source_fingerprint(tmp_path / "gone")
