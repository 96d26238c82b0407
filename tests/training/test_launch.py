"""One setting starts several processes: curves arrive, failures are told, nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from simcore.errors import InputError, SimCoreError
from simcore.training import NonFiniteError
from simcore.training.launch import launch
from tests.training.groups import run_group
from tests.training.test_group import SETTINGS, same, train_resnet
from tests.training.worlds import NoisyViews, Recorder

CLOSE = {**SETTINGS, "learning_rate": 0.01, "channels_last": False}


class TimedRecorder(Recorder):
    """Notes when it is told something."""

    def log(self, metrics, *, step):
        super().log({**metrics, "at": time.monotonic()}, step=step)


@dataclass(frozen=True)
class SlowViews(NoisyViews):
    """Take a while at the last step."""

    def __call__(self, image, *, step, key):
        if step == 6:
            time.sleep(0.1)
        return super().__call__(image, step=step, key=key)


def test_launched_processes_train_as_a_group_that_was_there(run, make_method, tmp_path):
    recorder, method = TimedRecorder(), make_method()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    result = run(method, processes=2, reporter=recorder, views=SlowViews(), **CLOSE)
    grouped, _ = run_group(train_resnet, tmp_path / "group")
    assert same({**result.state, "loss": result.curves["loss"].to_numpy()}, grouped)
    assert same(result.state, method.state_dict())
    assert [row["step"] for row in recorder.rows] == [1, 2, 3, 4, 5, 6]
    assert [row["loss"] for row in recorder.rows] == result.curves["loss"].tolist()
    assert recorder.rows[-1]["at"] - recorder.rows[-2]["at"] > 0.3
    assert result.images_per_second > 0
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    assert children() == set()
    again = Recorder()
    assert same(run(processes=2, reporter=again, views=SlowViews(), **CLOSE).state, result.state)
    assert [row["step"] for row in again.rows] == [1, 2, 3, 4, 5, 6]


@dataclass(frozen=True)
class KillingViews(NoisyViews):
    """Kill the second process at step 4, once."""

    flag: str = ""

    def __call__(self, image, *, step, key):
        if step == 4 and os.environ.get("RANK") == "1" and not Path(self.flag).exists():
            Path(self.flag).touch()
            Path(self.flag).with_suffix(".parent").write_text(str(os.getppid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(image, step=step, key=key)


def children():
    """Return the processes started by this one that run still, by `ps`."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, check=False)
    return {line for line in listed.stdout.decode().splitlines() if "spawn_main" in line}


def test_a_process_that_dies_ends_all_and_the_run_goes_on_exactly(run, tmp_path):
    views = KillingViews(flag=str(tmp_path / "killed"))
    with pytest.raises(SimCoreError, match=r"Training process 1 of 2 was killed by SIGKILL .* Run again"):
        run(processes=2, views=views, **CLOSE)
    assert children() == set()
    resumed = run(processes=2, views=views, **CLOSE)
    whole, _ = run_group(train_resnet, tmp_path / "group")
    assert same({**resumed.state, "loss": resumed.curves["loss"].to_numpy()}, whole)


def fail(reporter, kind):
    reporter.log({"loss": 1.0}, step=1)
    if os.environ["RANK"] == "1":
        time.sleep(600)
    if kind == "known":
        raise NonFiniteError("The loss is nan at step 7.")
    raise ValueError("word " * 2000)


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        ("known", NonFiniteError, "at step 7"),
        pytest.param("unknown", SimCoreError, "Process 0 .* failed: ValueError: word", marks=pytest.mark.long),
    ],
)
def test_an_error_of_one_process_is_that_of_the_launch(kind, error, text):
    recorder, began = Recorder(), time.monotonic()
    with pytest.raises(error, match=text):
        launch(fail, kind, processes=2, reporter=recorder)
    assert recorder.rows == [{"step": 1, "loss": 1.0}]
    assert time.monotonic() - began < 300
    assert children() == set()


def test_what_cannot_be_sent_is_told(run):
    with pytest.raises(InputError, match=r"With `processes` = 2 everything .* cannot be .*lambda"):
        run(processes=2, probe=lambda encoder: {}, **CLOSE)


SCRIPT = """
import sys
from pathlib import Path
from simcore.training import TrainingSettings, pretrain
from tests.training.worlds import NoisyViews, make_simclr, make_store

if __name__ == "__main__":
    result = pretrain(
        make_simclr(), make_store(), views=NoisyViews(), seed=3,
        settings=TrainingSettings.model_validate_json({settings!r}), workdir=Path({workdir!r}),
    )
    print("steps", result.steps, "rows", len(result.curves))
"""


def write_script(tmp_path, settings):
    path = tmp_path / "train.py"
    path.write_text(SCRIPT.format(settings=settings.model_dump_json(), workdir=str(tmp_path / "work")))
    return path


def environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def group_lives(number):
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


def wait_deaf(reporter, folder):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    (folder / str(os.getpid())).touch()
    time.sleep(1000)


DEAF = """
import sys
from pathlib import Path
from simcore.training import SilentReporter
from simcore.training.launch import launch
from tests.training.test_launch import wait_deaf

if __name__ == "__main__":
    launch(wait_deaf, Path(sys.argv[1]), processes=2, reporter=SilentReporter())
"""


def test_processes_that_hear_no_signal_end_with_the_killed_launcher(tmp_path):
    """As one does that waits for its partners inside a library."""
    script = tmp_path / "deaf.py"
    script.write_text(DEAF)
    started = tmp_path / "started"
    started.mkdir()
    process = subprocess.Popen([sys.executable, str(script), str(started)], env=environment(), start_new_session=True)
    deadline = time.monotonic() + 120
    while len(list(started.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(list(started.iterdir())) == 2
    process.kill()
    process.wait()
    assert group_lives(process.pid)
    deadline = time.monotonic() + 60
    while group_lives(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not group_lives(process.pid)


@pytest.mark.long
def test_ctrl_c_ends_all_processes(settings, tmp_path):
    """SIGINT to the whole group, as a terminal sends it: one traceback, no process left."""
    longer = settings.model_copy(update={"steps": 100_000, "workers": 1, "processes": 2})
    process = subprocess.Popen(
        [sys.executable, str(write_script(tmp_path, longer))],
        stderr=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )
    deadline = time.monotonic() + 240
    while not list(tmp_path.glob("work/*/*.pt")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.glob("work/*/*.pt"))
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert errors.decode().count("Traceback") == 1
    assert errors.decode().rstrip().endswith("KeyboardInterrupt")
    # Python's own tracker of shared resources ends when it notices that nobody is left.
    deadline = time.monotonic() + 20
    while group_lives(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not group_lives(process.pid)


def test_the_same_call_joins_a_group_of_torchrun(run, settings, tmp_path):
    script = write_script(tmp_path, settings.model_copy(update={"steps": 6}))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone", str(script)]
    done = subprocess.run(command, capture_output=True, env=environment(), check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().count("steps 6 rows 2") == 2
    (folder,) = (tmp_path / "work").iterdir()
    assert '"processes": 2' in (folder / "run.json").read_text()
