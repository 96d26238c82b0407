"""Atomic writes: an artefact appears under its final name only when it is whole."""

import errno
import glob
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simcore.errors import DiskError, SimCoreError

PARTIAL = ".*.partial"
"""Pattern of the names under which files and folders are written; what a killed process leaves has such a name."""

_FULL, _READ_ONLY, _DENIED, _BROKEN = "full", "read-only", "denied", "broken"
_TROUBLES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EIO: _BROKEN,
}
# Libraries hand the operating system's words on in errors of their own, sqlite says it in its own.
_WORDS = {
    "No space left on device": _FULL,
    "StorageFull": _FULL,
    "Disk quota exceeded": _FULL,
    "database or disk is full": _FULL,
    "Read-only file system": _READ_ONLY,
    "attempt to write a readonly database": _READ_ONLY,
    "Input/output error": _BROKEN,
    "disk I/O error": _BROKEN,
}
# What torch says of a write that did not go through, whatever the reason.
_TORCH = re.compile(r"PytorchStreamWriter failed|unexpected pos \d+ vs \d+|file write failed")
# How it names the files by which its processes share tensors.
_SHARED = "</torch_"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 the place itself, to which nothing is written here
_NO_SPACE = 2**20
_PROBE = 2**16


def disk_trouble(error: BaseException | None, *, place: Path) -> str | None:
    """Return in a sentence what is wrong with the disk, if that is what `error` or one it came from says.

    Args:
        error: What was raised.
        place: Where something was to be written; named in the sentence.

    Example:
        >>> disk_trouble(OSError(30, "Read-only file system"), place=Path("/data")).split(":")[0]
        '/data cannot be written'
        >>> disk_trouble(KeyError("a"), place=Path("/data")) is None
        True
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        trouble = _trouble(error, place)
        if trouble is not None:
            return _sentence(trouble, _troubled(error, place))
        error = error.__cause__ or error.__context__
    return None


def _trouble(error: BaseException, place: Path) -> str | None:
    if isinstance(error, OSError) and error.errno in _TROUBLES:
        return _TROUBLES[error.errno]
    if isinstance(error, PermissionError) and Path(str(error.filename)).is_relative_to(place.parent):
        return _DENIED
    said = str(error)
    for words, trouble in _WORDS.items():
        if words in said:
            return trouble
    if _TORCH.search(said) and shutil.disk_usage(existing_folder(place)).free < _NO_SPACE:
        return _FULL
    return None


def _troubled(error: BaseException, place: Path) -> Path:
    """Return the file that an error names where it lies on another disk than `place`, else `place`."""
    if _SHARED in str(error):
        return SHARED_MEMORY
    name = error.filename if isinstance(error, OSError) else None
    if name is None or isinstance(name, int):
        return place
    file = Path(os.fsdecode(name))
    return place if same_disk(file, place) else file


def same_disk(one: Path, other: Path) -> bool:
    """Return whether two places, made yet or not, lie on one file system."""
    return existing_folder(one).stat().st_dev == existing_folder(other).stat().st_dev


def _sentence(trouble: str, place: Path) -> str:
    if trouble == _FULL and place == SHARED_MEMORY:
        return (
            f"No space is left in {place}, where the processes of a training hand images on; allow more shared memory "
            "(containers: --shm-size=8g), or decode without processes by --params runtime.workers=0."
        )
    if trouble == _READ_ONLY:
        return (
            f"{place} cannot be written: it lies on a file system that is mounted read-only; mount it for writing, or "
            "give another folder with --params data_root=<folder>."
        )
    if trouble == _DENIED:
        return (
            f"{place} cannot be written: this user may not write there; ask for the right to, or give another folder "
            "with --params data_root=<folder>."
        )
    if trouble == _BROKEN:
        return f"The disk reports an error at {place}; look at the system's log, and copy what is left to another one."
    disk = existing_folder(place)
    while not disk.is_mount():
        disk = disk.parent
    usage = shutil.disk_usage(disk)
    return (
        f"No space is left to write {place}: the disk at {disk} has {usage.free / 2**20:,.0f} MiB free of "
        f"{usage.total / 2**20:,.0f}; make space (`kedro run --pipelines prune` lists what may go), and the same "
        "command goes on."
    )


def existing_folder(path: Path) -> Path:
    """Return the nearest folder above `path` that is there."""
    path = path.absolute()
    while not path.is_dir():
        path = path.parent
    return path


def check_writable(folder: Path) -> None:
    """Make `folder` if it is missing, and see that a few bytes can be written there.

    Raises:
        DiskError: If they cannot.
    """
    with _disk_errors(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:  # /dev/null/x, or a file in the way
            raise DiskError(
                f"{folder} cannot be made ({error.strerror}); give another folder with --params data_root=<folder>."
            ) from error
        probe = _partial(folder / "probe")
        try:
            probe.write_bytes(bytes(_PROBE))
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Raise trouble with the disk as an error that says so."""
    try:
        yield
    except SimCoreError:
        raise
    except Exception as error:
        trouble = disk_trouble(error, place=path)
        if trouble is None:
            raise
        raise DiskError(trouble) from error


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")


def _sync(path: Path) -> None:
    """Push a file or a directory entry to the disk, so that a power cut cannot leave an empty renamed file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on error.

    An existing `path` is replaced in one step: a reader sees the old file or the new one, never a mixture.

    Raises:
        DiskError: If the disk is full, read-only or broken.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "answer.txt"
        >>> with atomic_file(target) as partial:
        ...     _ = partial.write_text("42")
        >>> target.read_text()
        '42'
    """
    path = Path(path)
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = _partial(path)
        try:
            yield partial
            _sync(partial)
            partial.replace(path)
            _sync(path.parent)
        finally:
            # A disk that became read-only says so even of a file that is not there.
            with suppress(OSError):
                partial.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Yield a temporary directory beside `path`; rename it to `path` on success, remove it on error.

    An existing `path` is replaced: it is moved aside first and removed once the new one stands.

    Raises:
        DiskError: If the disk is full, read-only or broken.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "encoder"
        >>> with atomic_directory(target) as partial:
        ...     _ = (partial / "card.json").write_text("{}")
        >>> [entry.name for entry in target.iterdir()]
        ['card.json']
    """
    path = Path(path)
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = _partial(path)
        partial.mkdir()
        try:
            yield partial
            for entry in partial.rglob("*"):
                if entry.is_file():
                    _sync(entry)
            if path.exists():
                old = _partial(path)
                path.rename(old)
                partial.rename(path)
                shutil.rmtree(old)
            else:
                partial.rename(path)
            _sync(path.parent)
        finally:
            if partial.exists():
                shutil.rmtree(partial, ignore_errors=True)


def remove_partial(folder: Path, *, of: str = "") -> None:
    """Remove what killed writers have left in `folder`; nobody may be writing there now.

    Args:
        folder: Where they wrote.
        of: Names of what they wrote begin with it; others may be writing beside.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / ".a.txt.0123abcd.partial").touch()
        >>> remove_partial(folder)
        >>> list(folder.iterdir())
        []
    """
    for left in folder.glob(PARTIAL.replace("*", f"{glob.escape(of)}*", 1)):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
