"""One training on two hosts by `torchrun`, as the documentation has it."""

import time
from pathlib import Path

import numpy as np
import pytest

from simcore.errors import SimCoreError
from simcore.training.group import losses_told
from tests.training.hosts import Host, two_hosts
from tests.training.test_group import distance, make_vit, same, train_vit

SCRIPT = """
import sys, time
from pathlib import Path
import numpy as np
from simcore.training import pretrain
from tests.training.test_group import SETTINGS, make_vit
from tests.training.worlds import NoisyViews, make_settings, make_store

class Pausing:
    '''Says where the training is, and waits a little, so that a kill comes in the middle.'''

    def __init__(self, where, pause):
        self.where, self.pause = where, pause

    def log(self, metrics, *, step):
        self.where.write_text(str(step))
        time.sleep(self.pause)

if __name__ == "__main__":
    folder, pause = Path(sys.argv[1]), float(sys.argv[2])
    result = pretrain(
        make_vit(), make_store(), views=NoisyViews(), settings=make_settings(**SETTINGS), seed=3,
        workdir=folder / "work", reporter=Pausing(folder / "step", pause),
    )
    state = {name: tensor.numpy() for name, tensor in result.state.items()}
    np.savez(folder / "state.npz", **state, loss=result.curves["loss"].to_numpy())
"""


def start(hosts: tuple[Host, Host], folder: Path, *, port: int, pause: float = 0) -> list[Path]:
    script = folder / "train.py"
    script.write_text(SCRIPT)
    # Each host has a folder of its own: nothing is shared but the network.
    folders = [folder / name for name in ("first", "second")]
    for host, own in zip(hosts, folders, strict=True):
        own.mkdir(exist_ok=True)
        host.torchrun(script, str(own), str(pause), port=port)
    return folders


def finish(hosts: tuple[Host, Host], folders: list[Path]) -> list[dict[str, np.ndarray]]:
    for host in hosts:
        assert host.wait(timeout=240) == 0, host.log.read_text()
    return [dict(np.load(folder / "state.npz")) for folder in folders]


@pytest.mark.long
def test_two_hosts_train_what_one_process_trains(tmp_path):
    with two_hosts(tmp_path) as hosts:
        first, second = finish(hosts, start(hosts, tmp_path, port=29_401))
    assert same(first, second)
    one = train_vit(tmp_path / "one")
    assert distance(one, first) < 2e-5
    untrained = make_vit().state_dict()
    assert distance(untrained, {name: one[name] for name in untrained}) > 1e-2
    # The first host alone writes.
    assert list((tmp_path / "first").glob("work/*/*.pt"))
    assert not (tmp_path / "second" / "work").exists()


@pytest.mark.long
@pytest.mark.parametrize("victim", [0, 1])
def test_a_host_that_dies_ends_the_other_and_both_go_on(tmp_path, victim):
    with two_hosts(tmp_path) as hosts:
        whole, _ = finish(hosts, start(hosts, tmp_path, port=29_402))
        (tmp_path / "killed").mkdir()
        folders = start(hosts, tmp_path / "killed", port=29_403, pause=1.0)
        deadline = time.monotonic() + 240
        reached = folders[0] / "step"
        while not (reached.exists() and reached.read_text() in ("2", "3", "4")) and time.monotonic() < deadline:
            time.sleep(0.05)
        hosts[victim].kill()
        assert hosts[1 - victim].wait(timeout=120) != 0
        told = hosts[1 - victim].log.read_text()
        assert "Another process of the training group has gone" in told
        assert "training goes on from the last checkpoint" in told.replace("\n", " ")
        assert hosts[1 - victim].pids() == []
        stopped = {int(path.stem.rpartition("-")[2]) for path in folders[0].glob("work/*/*.pt")}
        assert stopped and max(stopped) < 6 and not (folders[0] / "state.npz").exists()
        resumed, other = finish(hosts, start(hosts, tmp_path / "killed", port=29_404))
    assert "Going on from step" not in told
    assert same(resumed, whole) and same(resumed, other)


def test_only_lost_partners_are_told_as_such():
    with pytest.raises(SimCoreError, match=r"has gone.*Connection closed by peer \[10\.0\.0\.2\]"), losses_told():
        raise RuntimeError("[pair.cc:534] Connection closed by peer [10.0.0.2]:4711\nmore")
    with pytest.raises(RuntimeError, match=r"^shape mismatch$"), losses_told():
        raise RuntimeError("shape mismatch")
