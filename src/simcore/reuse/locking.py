"""One run at a time on what a data root holds: locks that end with the process, however it ends."""

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from simcore.errors import LockedError
from simcore.files import check_writable
from simcore.processes import is_gone, this_process

SHARED_STAGES = "stages"
"""Lock of the nodes without a namespace: what they make is read by those of every namespace."""


# Files that hold locks. A process that is forked shares them, and would keep the locks when this one is killed.
_HELD: set[IO[str]] = set()


def _let_go() -> None:
    for file in _HELD:
        file.close()
    _HELD.clear()


os.register_at_fork(after_in_child=_let_go)


@contextmanager
def locked(folder: Path, namespaces: set[str | None]) -> Iterator[None]:
    """Hold the locks of a run for as long as the context lasts.

    A run holds the lock of each namespace of its nodes alone. That of the stages without one it holds alone where such
    nodes are among its own, and shares it with others otherwise: arms may run beside each other in processes of one
    logical run, but not beside a run that makes anew what they read. The locks are the operating system's (`flock`), on
    files that stay: they end with the process, also where it is killed. On a shared file system they hold between
    machines as far as that file system passes them on (NFS 4, Lustre with `flock`, CephFS).

    Args:
        folder: Where the lock files are; made if missing.
        namespaces: Of the nodes that are asked for; None for those without one.

    Raises:
        LockedError: Another run holds one of them; says which, on which machine, and since when.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with locked(folder, {None}):
        ...     sorted(path.name for path in folder.iterdir())
        ['stages.lock']
    """
    check_writable(folder)
    with ExitStack() as held:
        own_stages = None in namespaces
        _hold(folder / f"{SHARED_STAGES}.lock", held, alone=own_stages)
        for name in sorted(name for name in namespaces if name is not None):
            _hold(folder / f"namespace-{name}.lock", held, alone=True)
        yield


def _hold(path: Path, held: ExitStack, *, alone: bool) -> None:
    # Opened to append: what the holder wrote must survive the try of another.
    file = held.enter_context(path.open("a+", encoding="utf-8"))
    _HELD.add(file)
    held.callback(_HELD.discard, file)
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LockedError(
            f"Another run works on the same data root ({_holder(path)}; lock {path}). Wait until it ends, or give this "
            "one its own with --params data_root=<folder>."
        ) from error
    file.seek(0)
    file.truncate()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    file.write(json.dumps({**json.loads(this_process()), "since": now, "command": " ".join(sys.argv)[:500]}) + "\n")
    file.flush()


def _holder(path: Path) -> str:
    """Return who holds a lock, as far as that is written down.

    A lock that is shared names the last one to come, which may have ended; the others have a namespace of their own.
    """
    for place in (path, *sorted(path.parent.glob("namespace-*.lock"))):
        try:
            text = place.read_text(encoding="utf-8")
            told = json.loads(text)
            said = f"process {told['pid']} on {told['host']} since {told['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if not is_gone(text):
            return said
    return "it has not said which"
