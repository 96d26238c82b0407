"""Private mount namespaces: disks that are full or read-only, seen by nobody else. Each proves that it bites."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

ALONE = ("unshare", "--mount", "--propagation", "private")


@cache
def _prefix() -> tuple[str, ...] | None:
    """Return how a private namespace is made here: as root, or as root of a user namespace; None where neither may."""
    if shutil.which("unshare") is None:
        return None
    for prefix in (ALONE, ("unshare", "--user", "--map-root-user", *ALONE[1:])):
        tried = subprocess.run([*prefix, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
        if tried.returncode == 0:
            return prefix
    return None


def private_mounts() -> tuple[str, ...]:
    """Return the command that runs another one with mounts of its own; skip where privileges lack."""
    prefix = _prefix()
    if prefix is None:
        pytest.skip("not run: no privilege to mount in a namespace of its own (needs root or user namespaces)")
    return prefix


def with_small_disk(place: Path, *, mib: float) -> tuple[str, ...]:
    """Return the command that runs another one with an empty disk of `mib` MiB at `place`."""
    place.mkdir(parents=True, exist_ok=True)
    return (
        *private_mounts(),
        "sh",
        "-c",
        f'mount -t tmpfs -o size={int(mib * 1024)}k tmpfs "$0" && exec "$@"',
        f"{place}",
    )


def with_read_only(place: Path) -> tuple[str, ...]:
    """Return the command that runs another one with what lies at `place` mounted read-only."""
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    return (*private_mounts(), "sh", "-c", script, f"{place}")


@contextmanager
def small_disk(place: Path, *, mib: int) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Keep a disk of `mib` MiB at `place` in a namespace that several commands enter.

    Yields:
        The words that run a command in the namespace, and the disk's root as this process sees it.
    """
    holder = subprocess.Popen(
        [*with_small_disk(place, mib=mib), "sh", "-c", "echo ready; exec sleep 100000"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "ready\n"
        enter = ("nsenter", "--target", str(holder.pid), "--mount")
        if os.geteuid() != 0:
            enter = (*enter, "--user", "--preserve-credentials")
        inside = Path(f"/proc/{holder.pid}/root{place}")
        # nsenter starts in the namespace's root folder.
        yield (*enter, "--wd=" + str(Path.cwd()), "--"), inside
    finally:
        holder.kill()
        holder.wait()


def fill(disk: Path) -> Path:
    """Fill a disk to its last byte; return the file that does, once a write was seen to fail."""
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
        while True:
            # Part of a page may go through where the whole does not.
            if file.write(bytes(4096)) < 4096:
                file.write(b"0")
    with pytest.raises(OSError, match="No space left"):
        (disk / "proof").write_bytes(bytes(4096))
    (disk / "proof").unlink(missing_ok=True)
    return filler
