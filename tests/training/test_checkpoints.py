"""Checkpoints: whole or absent, loaded without unpickling."""

import pickle
import random
import signal
import subprocess
import sys

import pytest
import torch

from simcore.errors import ArtefactError, SimCoreError
from simcore.training.checkpoints import Checkpoints


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "run", fingerprint="mine", keep=2)


def test_nothing_there(checkpoints):
    assert checkpoints.load_newest() is None


def test_a_write_that_fails_leaves_the_earlier_ones(checkpoints, monkeypatch):
    checkpoints.save({"w": torch.ones(2)}, step=1)

    def full_disk(content, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(SimCoreError, match=r"No space is left to write .* the same command goes on"):
        checkpoints.save({"w": torch.ones(2)}, step=2)
    assert [path.name for path in checkpoints.directory.iterdir()] == ["step-0000000001.pt"]
    assert checkpoints.load_newest()[0] == 1


FULL_DISK = """
import resource, sys
from pathlib import Path
import torch
from simcore.errors import SimCoreError
from simcore.training.checkpoints import Checkpoints

checkpoints = Checkpoints(Path(sys.argv[1]), fingerprint="mine", keep=2)
checkpoints.save({{"w": torch.ones(2)}}, step=1)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    checkpoints.save({{"w": torch.ones({numbers})}}, step=2)
except SimCoreError as error:
    sys.exit(str(error))
"""


def test_a_disk_that_takes_no_more_leaves_the_earlier_ones(checkpoints):
    """The system refuses to write on, in the middle of the file."""
    command = [sys.executable, "-c", FULL_DISK.format(numbers=1_000_000), str(checkpoints.directory)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1
    assert "free space there and run again" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert [path.name for path in checkpoints.directory.iterdir()] == ["step-0000000001.pt"]
    assert checkpoints.load_newest()[0] == 1


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from simcore.training.checkpoints import Checkpoints

checkpoints = Checkpoints(Path(sys.argv[1]), fingerprint="mine", keep=1)
checkpoints.save({"w": torch.ones(2)}, step=1)
replace = Path.replace
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
checkpoints.save({"w": torch.ones(2)}, step=2)
"""


def test_a_kill_before_the_last_move_leaves_the_earlier_one_and_no_rest(checkpoints):
    done = subprocess.run([sys.executable, "-c", KILLED, str(checkpoints.directory)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(checkpoints.directory.iterdir())) == 2
    assert checkpoints.load_newest()[0] == 1
    assert [path.name for path in checkpoints.directory.iterdir()] == ["step-0000000001.pt"]


class Payload:
    """Would run code when unpickled."""

    ran = False

    def __reduce__(self):
        return (setattr, (Payload, "ran", True))


def test_nothing_is_unpickled(checkpoints):
    checkpoints.directory.mkdir()
    (checkpoints.directory / "step-0000000001.pt").write_bytes(pickle.dumps(Payload(), protocol=2))
    with pytest.raises(ArtefactError, match="None of the 1 checkpoints"):
        checkpoints.load_newest()
    torch.save({"fingerprint": "mine", "step": 1, "state": Payload()}, checkpoints.directory / "step-0000000002.pt")
    with pytest.raises(ArtefactError, match="None of the 2 checkpoints"):
        checkpoints.load_newest()
    assert not Payload.ran


def test_another_run_is_refused(checkpoints):
    Checkpoints(checkpoints.directory, fingerprint="other", keep=2).save({}, step=3)
    with pytest.raises(ArtefactError, match=r"Remove .* to start anew"):
        checkpoints.load_newest()


def test_a_flipped_bit_is_never_loaded(checkpoints):
    """PyTorch itself would load all of these."""
    first, second = torch.arange(20_000.0), -torch.arange(20_000.0)
    checkpoints.save({"w": first}, step=1)
    checkpoints.save({"w": second}, step=2)
    newest = checkpoints.paths()[-1]
    whole = newest.read_bytes()
    draw = random.Random(0)
    fell_back = 0
    for _ in range(40):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        newest.write_bytes(bytes(damaged))
        step, state = checkpoints.load_newest()
        assert torch.equal(state["w"], first if step == 1 else second)
        fell_back += step == 1
    assert fell_back > 30
