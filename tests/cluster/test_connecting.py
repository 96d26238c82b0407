"""Where the work goes: a cluster that is missing, unreachable or too small is named in one sentence."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from simcore.cluster.connecting import Cluster, connected, has_gpus, room_for_workers
from simcore.errors import InputError


def machines(*resources: dict[str, float], dead: int = 0) -> Any:
    """Return what stands for the module `ray`, with one machine for each of `resources`, the last `dead` ones gone."""
    nodes = [{"Alive": True, "Resources": each} for each in resources]
    for node in nodes[len(nodes) - dead :]:
        node["Alive"] = False
    return SimpleNamespace(nodes=lambda: nodes)


def test_without_ray_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "ray" or name.startswith("ray.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"not installed here .*pip install 'simcore\[ray\]'"), connected(Cluster()):
        pass


def test_workers_are_as_many_as_machines_have_room_for() -> None:
    ray = machines({"CPU": 16, "GPU": 2}, {"CPU": 7}, {"CPU": 64, "GPU": 8}, {}, {"CPU": 99}, dead=1)
    assert room_for_workers(ray, Cluster(threads=4)) == 4 + 1 + 16
    assert room_for_workers(ray, Cluster(threads=4), gpus=1) == 2 + 8
    assert room_for_workers(ray, Cluster(threads=4, workers=3)) == 3
    assert has_gpus(ray)
    assert not has_gpus(machines({"CPU": 16}, {"GPU": 1}, dead=1))


def test_threads_are_those_of_this_process_unless_they_are_given() -> None:
    assert Cluster().threads_each == torch.get_num_threads()
    assert Cluster(threads=7).threads_each == 7


@pytest.mark.parametrize(
    ("gpus", "sentence"),
    [
        (0, r"takes 9 CPUs, and none of the 2 machines .*at most 8 CPUs\); set runtime.ray.threads"),
        (1, "CPUs and 1 GPU"),
    ],
)
def test_workers_that_fit_nowhere_are_refused(gpus: int, sentence: str) -> None:
    ray = machines({"CPU": 8}, {"CPU": 2})
    with pytest.raises(InputError, match=sentence):
        room_for_workers(ray, Cluster(threads=9), gpus=gpus)
    # An autoscaler may bring them.
    assert room_for_workers(ray, Cluster(threads=9, workers=5), gpus=gpus) == 5


@pytest.mark.parametrize(
    ("address", "what"),
    [("127.0.0.1:1", "refused"), ("somewhere", "auto or host:port"), ("host:", "auto or host:port")],
)
def test_an_address_without_a_cluster_is_named(address: str, what: str) -> None:
    pytest.importorskip("ray")
    with (
        pytest.raises(InputError, match=rf"`runtime.ray.address` is '{address}', and no cluster answers there.*{what}"),
        connected(Cluster(address=address)),
    ):
        pass
