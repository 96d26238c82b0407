"""Checkpoints: whole or absent, loaded without unpickling."""

import pickle

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
    with pytest.raises(SimCoreError, match="free space there and run again"):
        checkpoints.save({"w": torch.ones(2)}, step=2)
    assert [path.name for path in checkpoints.directory.iterdir()] == ["step-0000000001.pt"]
    assert checkpoints.load_newest()[0] == 1


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
