from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.images import source_fingerprint
from simcore.images.sources import folder
from simcore.images.tree import walk_files


def names(root: Path) -> list[str]:
    return sorted(relative for relative, _ in walk_files(root))


def test_links_are_followed_but_never_in_circles(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    (root / "a").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "x.png").touch()
    (root / "a" / "y.png").touch()
    (root / "linked").symlink_to(elsewhere)
    (root / "twice").symlink_to(elsewhere)
    (root / "self").symlink_to(root)
    (root / "a" / "up").symlink_to(root / "a")
    (elsewhere / "back").symlink_to(root)
    assert names(root) == ["a/y.png", "linked/x.png", "twice/x.png"]


def test_hidden_entries_are_left_out_and_dead_links_are_not(tmp_path: Path) -> None:
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "x.png").touch()
    (tmp_path / "._y.png").touch()
    (tmp_path / "dead.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "whole.png").touch()
    assert names(tmp_path) == ["dead.png", "whole.png"]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir()

    def refuse(path: str):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("simcore.images.tree.os.scandir", refuse)
    with pytest.raises(InputError, match="cannot be listed \\(Permission denied\\)"):
        names(tmp_path)


def test_links_that_go_round_in_circles_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "whole.png").touch()
    (tmp_path / "me.png").symlink_to(tmp_path / "me.png")
    (tmp_path / "one.png").symlink_to(tmp_path / "two.png")
    (tmp_path / "two.png").symlink_to(tmp_path / "one.png")
    assert names(tmp_path) == ["me.png", "one.png", "two.png", "whole.png"]
    found = {key: reason for key, _, reason in folder._walk(tmp_path)}
    assert found["whole.png"] is None
    assert {found[name] for name in ("me.png", "one.png", "two.png")} == {"it is a link to nothing"}
    source_fingerprint(tmp_path)
