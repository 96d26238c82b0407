"""Files behind URLs: what is there, what is below it, what is said when it cannot be read."""

from pathlib import Path

import fsspec
import pytest

from simcore.errors import InputError
from simcore.images.remote_files import (
    join_url,
    open_remote,
    remote_exists,
    remote_folders,
    remote_is_folder,
    remote_state,
    walk_remote,
)


@pytest.mark.parametrize("protocol", ["memory", "file"])
def test_what_is_there(plant, memory_copy, protocol: str) -> None:
    root = plant("cat/1.png", "cat/deep/2.png", extra=[".hidden/3.png", "dog/._4.png", "notes.txt"])
    url = memory_copy(root) if protocol == "memory" else f"file://{root}"
    assert remote_exists(url) and remote_is_folder(url)
    assert remote_exists(f"{url}/notes.txt") and not remote_is_folder(f"{url}/notes.txt")
    assert not remote_exists(f"{url}/gone") and not remote_is_folder(f"{url}/gone")
    assert sorted(remote_folders(url)) == ["cat", "dog"]
    for spelled in (url, f"{url}/"):
        assert sorted(name for name, _ in walk_remote(spelled)) == ["cat/1.png", "cat/deep/2.png", "notes.txt"]
    assert {entry["type"] for _, entry in walk_remote(url)} == {"file"}


def test_what_changed_shows(memory_copy, plant) -> None:
    url = memory_copy(plant("1.png"))
    before = [remote_state(entry) for _, entry in walk_remote(url)]
    assert before == [remote_state(entry) for _, entry in walk_remote(url)] and before != [""]
    filesystem, path = open_remote(f"{url}/1.png")
    filesystem.pipe(path, b"new")
    assert before != [remote_state(entry) for _, entry in walk_remote(url)]


def test_inside_an_archive(plant, tmp_path: Path) -> None:
    import shutil

    shutil.make_archive(str(tmp_path / "birds"), "zip", plant("cat/1.png"))
    url = f"zip://::file://{tmp_path / 'birds.zip'}"
    assert [name for name, _ in walk_remote(url)] == ["cat/1.png"]
    with fsspec.open(join_url(url, "cat/1.png")) as file:
        assert file.read(4) == b"\x89PNG"


@pytest.mark.parametrize(
    ("url", "relative", "joined"),
    [
        ("memory://a", "b.png", "memory://a/b.png"),
        ("memory://a/", "c/b.png", "memory://a/c/b.png"),
        ("memory://", "b.png", "memory://b.png"),
        ("zip://in::s3://x.zip", "b.png", "zip://in/b.png::s3://x.zip"),
    ],
)
def test_joining(url: str, relative: str, joined: str) -> None:
    assert join_url(url, relative) == joined


def test_what_cannot_be_read_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"nope://x cannot be opened: Protocol not known: nope.*; install"):
        remote_exists("nope://x")
    store = fsspec.filesystem("memory")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("403\nForbidden.")

    monkeypatch.setattr(type(store), "ls", refuse)
    with pytest.raises(InputError, match=r"memory://x/ cannot be listed \(403 Forbidden\); make it readable"):
        list(walk_remote("memory://x"))
    with pytest.raises(InputError, match=r"memory://x cannot be read \(403 Forbidden\); check the address"):
        remote_folders("memory://x")
