import functools
import http.server
import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from simcore.images import remote_bytes
from simcore.images.remote_bytes import RemoteError, open_binary, read_remote


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A web server that writes no log."""

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address at which the files of `tmp_path` are served by this machine to itself."""
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_whole_files_and_parts(tmp_path: Path, memory_copy) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    for url in (f"file://{tmp_path}/a", f"{memory_copy(tmp_path)}/a"):
        assert read_remote(url) == b"0123456789"
        assert read_remote(url, span=(2, 3)) == b"234"
        assert read_remote(url, span=(8, 5)) == b"89"
        with open_binary(url) as file:
            file.seek(4)
            assert file.read(2) == b"45"
    for place in (tmp_path / "a", str(tmp_path / "a")):
        with open_binary(place) as file:
            assert file.read() == b"0123456789"


def test_what_is_not_there(tmp_path: Path, memory_copy) -> None:
    for url in (f"{memory_copy(tmp_path)}/gone", f"file://{tmp_path}/gone"):
        for function in (read_remote, open_binary):
            with pytest.raises(FileNotFoundError):
                function(url)


def test_unknown_protocols_are_one_line() -> None:
    for function in (read_remote, open_binary):
        with pytest.raises(RemoteError, match=r"^nosuch://a/b cannot be opened: .*nosuch") as caught:
            function("nosuch://a/b")
        assert "\n" not in str(caught.value)


class Flaky:
    """A store that answers from the nth attempt on."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures, self.error, self.attempts = failures, error, 0

    def cat_file(self, path: str, *, start: int | None, end: int | None) -> bytes:
        self.attempts += 1
        if self.attempts <= self.failures:
            raise self.error
        return path.encode()[start:end]


class StoreError(Exception):
    """An error of a store's own class."""


@pytest.mark.parametrize(
    ("failures", "error", "attempts", "expected"),
    [
        (0, StoreError(), 1, None),
        (2, StoreError("slow\ndown"), 3, None),
        (3, StoreError("slow\ndown"), 3, "slow down"),
        (3, OSError("no route"), 3, "no route"),
        (3, StoreError(), 3, "StoreError"),
        (1, FileNotFoundError("x"), 1, "x"),
        (1, PermissionError("not yours"), 1, "not yours"),
    ],
)
def test_a_store_that_stumbles_is_asked_again(monkeypatch, failures, error, attempts, expected) -> None:
    store, waits = Flaky(failures, error), []
    monkeypatch.setattr(remote_bytes, "open_remote", lambda url: (store, url))
    monkeypatch.setattr(remote_bytes.time, "sleep", waits.append)
    if expected is None:
        assert read_remote("s3://a", span=(1, 2)) == b"3:"
    else:
        with pytest.raises(OSError, match=f"^{expected}$"):
            read_remote("s3://a")
    assert store.attempts == attempts
    assert len(waits) == attempts - 1


def test_over_a_network(web: str, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp", reason="fsspec speaks http through it")
    (tmp_path / "a.bin").write_bytes(bytes(range(200)))
    assert read_remote(f"{web}/a.bin") == bytes(range(200))
    with open_binary(f"{web}/a.bin") as file:
        assert file.read(3) == b"\0\1\2"
    with pytest.raises(FileNotFoundError):
        read_remote(f"{web}/gone.bin")


def read_in_child(url: str, answers) -> None:
    answers.put(read_remote(url))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_child_reads_by_connections_of_its_own(web: str, tmp_path: Path, start: str) -> None:
    """An event loop that was forked answers nobody: a store of the parent's would wait for ever."""
    pytest.importorskip("aiohttp", reason="fsspec speaks http through it")
    (tmp_path / "a.bin").write_bytes(b"pixels")
    assert read_remote(f"{web}/a.bin") == b"pixels"
    context = multiprocessing.get_context(start)
    answers = context.Queue()
    child = context.Process(target=read_in_child, args=(f"{web}/a.bin", answers), daemon=True)
    child.start()
    assert answers.get(timeout=120) == b"pixels"
    child.join(60)
    assert child.exitcode == 0
