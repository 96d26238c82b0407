"""Locks of a data root: who may work beside whom, and what the other is told."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from simcore.errors import SimCoreError
from simcore.reuse.locking import locked

HOLD = """
import sys, time
from pathlib import Path
from simcore.reuse.locking import locked
names = {None if name == "-" else name for name in sys.argv[2:]}
with locked(Path(sys.argv[1]), names):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Start another process that holds the locks of a run with these namespaces; it is killed in the end."""
    started = []

    def hold(*namespaces: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path), *namespaces], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("theirs", "ours", "together"),
    [
        (["-"], {None}, False),
        (["-"], {"x"}, False),
        (["x"], {None}, False),
        (["-", "x"], {"simcore"}, False),
        (["x"], {"x"}, False),
        (["x"], {"simcore"}, True),
        (["x", "os"], {"simcore", "os"}, False),
    ],
)
def test_arms_may_run_beside_each_other_and_nothing_else(
    tmp_path: Path, holder, theirs: list[str], ours: set[str | None], together: bool
) -> None:
    process = holder(*theirs)
    if together:
        with locked(tmp_path, ours):
            pass
        return
    with pytest.raises(SimCoreError) as caught, locked(tmp_path, ours):
        pass
    assert f"process {process.pid} on {os.uname().nodename} since 20" in str(caught.value)
    assert "--params data_root=<folder>" in str(caught.value) and "\n" not in str(caught.value)


def test_a_killed_process_leaves_no_lock(tmp_path: Path, holder) -> None:
    process = holder("-", "x")
    process.send_signal(signal.SIGKILL)
    process.wait()
    with locked(tmp_path, {None, "x"}):
        told = json.loads((tmp_path / "stages.lock").read_text())
    assert told["pid"] == os.getpid()


def test_a_worker_that_outlives_its_killed_process_keeps_no_lock(tmp_path: Path) -> None:
    """The workers of a data loader are forked, and notice after seconds that nobody is left to work for."""
    code = HOLD.replace('    print("held"', '    if os.fork() == 0:\n        time.sleep(600)\n    print("held"')
    command = [sys.executable, "-c", f"import os\n{code}", str(tmp_path), "-", "x"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    try:
        process.kill()
        process.wait()
        os.killpg(process.pid, 0)  # the worker is there
        with locked(tmp_path, {None, "x"}):
            pass
    finally:
        os.killpg(process.pid, signal.SIGKILL)


def test_of_those_that_share_a_lock_one_that_runs_is_named(tmp_path: Path, holder) -> None:
    runs, ended = holder("simcore"), holder("x")  # who comes last is written down
    ended.kill()
    ended.wait()
    with pytest.raises(SimCoreError, match=f"process {runs.pid} on"), locked(tmp_path, {None}):
        pass


def test_a_try_leaves_what_the_holder_wrote(tmp_path: Path, holder) -> None:
    process = holder("-")
    for _ in range(2):
        with pytest.raises(SimCoreError, match=f"process {process.pid} on"), locked(tmp_path, {None}):
            pass


def test_a_run_inside_a_run_is_refused_too(tmp_path: Path) -> None:
    with locked(tmp_path, {None}), pytest.raises(SimCoreError, match="Another run works"), locked(tmp_path, {None}):
        pass
