"""Processes of this machine, as /proc shows them."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

WAIT = 180
"""Seconds after which what should happen has not happened."""


def wait_for(what: Callable[[], Any]) -> Any:
    """Return the first true value of `what`."""
    for _ in range(20 * WAIT):
        found = what()
        if found:
            return found
        sleep(0.05)
    raise AssertionError("it did not happen")


def _stat(process: int) -> list[str] | None:
    """Return what follows the name in /proc/<process>/stat: state, parent, ...; None where it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def runs(process: int) -> bool:
    """Return whether a process is there and more than a zombie."""
    stat = _stat(process)
    return stat is not None and stat[0] not in "ZX"


def below(process: int) -> list[int]:
    """Return the descendants of a process."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        stat = _stat(int(entry.name)) if entry.name.isdigit() else None
        if stat is not None:
            parents.setdefault(int(stat[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = [process]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def workers_below(process: int) -> list[int]:
    """Return the processes of Ray's actors for data below a process."""
    found = []
    for child in below(process):
        try:
            title = Path(f"/proc/{child}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"MapWorker" in title and runs(child):
            found.append(child)
    return found


def kill(process: int) -> int:
    """Kill a process with SIGKILL; return its number once it is gone."""
    os.kill(process, signal.SIGKILL)
    wait_for(lambda: not runs(process))
    return process
