"""One run at a time on what a data root holds: locks that end with the process, however it ends."""

import fcntl
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from simcore.errors import LockedError
from simcore.files import check_writable

SHARED_STAGES = "stages"
"""Lock of the nodes without a namespace: what they make is read by those of every namespace."""


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
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LockedError(
            f"Another run works on the same data root ({_holder(file)}; lock {path}). Wait until it ends, or give this "
            "one its own with --params data_root=<folder>."
        ) from error
    file.seek(0)
    file.truncate()
    me = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
    file.write(json.dumps({**me, "command": " ".join(sys.argv)[:500]}) + "\n")
    file.flush()


def _holder(file: IO[str]) -> str:
    """Return who holds a lock, as far as that is written down."""
    file.seek(0)
    try:
        told = json.loads(file.read())
        return f"process {told['pid']} on {told['host']} since {told['since']}"
    except (ValueError, KeyError, TypeError):
        return "it has not said which"
