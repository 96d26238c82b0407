"""Processes by what tells them apart: machine, number, and when they began."""

import json
import os
import socket
from pathlib import Path


def this_process() -> str:
    """Return what this process is known by: host, id and when it began, since ids come again."""
    return json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "began": _began(os.getpid())})


def is_gone(process: str) -> bool:
    """Return whether `this_process` said that, and that process of this machine does not exist any more."""
    try:
        told = json.loads(process)
        host, pid, began = told["host"], int(told["pid"]), told["began"]
    except (ValueError, KeyError, TypeError):
        return False
    if host != socket.gethostname():
        return False
    return not _exists(pid) or _began(pid) != began


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _began(pid: int) -> str | None:
    """Return boot and clock tick at which a process began; None where the system does not say."""
    try:
        # The name of the command, in brackets, may hold blanks.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return f"{boot} {fields[19]}"
