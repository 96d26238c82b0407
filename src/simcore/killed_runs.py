"""Runs in MLflow whose process was killed: it could not say so itself."""

import json
import os
import socket
from pathlib import Path

PROCESS_TAG = "process"
_ENDED_TAG = "ended_by"
_MOST = 1000


def this_process() -> str:
    """Return what this process is known by: host, id and when it began, since ids come again."""
    return json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "began": _began(os.getpid())})


def end_killed_runs(tracking_uri: str, experiment_id: str) -> list[str]:
    """Give runs of this machine that are RUNNING, but whose process is gone, the status KILLED; return their ids.

    A run is left alone without the tag `process`, and where its process ran on another machine.
    """
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri)
    ended = []
    asked = "attributes.status = 'RUNNING'"
    for run in client.search_runs([experiment_id], filter_string=asked, max_results=_MOST):
        if _is_gone(run.data.tags.get(PROCESS_TAG, "")):
            client.set_tag(run.info.run_id, _ENDED_TAG, f"a later run: its process was killed ({this_process()})")
            client.set_terminated(run.info.run_id, "KILLED")
            ended.append(run.info.run_id)
    return ended


def _is_gone(process: str) -> bool:
    """Return whether a process of this machine does not exist any more."""
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
