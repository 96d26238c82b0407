"""What unfinished work counts for when a run is held against its disk."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kedro.framework.context import KedroContext
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node

from simcore.disk import Need
from simcore.disk_hook import DiskHook
from simcore.errors import DiskError
from simcore.reuse import Step
from simcore.workspace import enter_work_directory, leave_work_directory, work_directory
from tests.parameters.test_parameters import load

NOW, EARLIER = "a" * 64, "b" * 64
SHARDS = Need("openset embeddings", 1000, node="embed_openset")
STATES = [Need(f"states of {arm}", 600, lasting=False, node=f"{arm}.pretrain") for arm in ("x", "simcore")]
ENCODERS = Need("encoders x", 100)


@pytest.fixture
def leave(tmp_path: Path) -> Callable[..., None]:
    """Return a function that leaves bytes in the work folder of a node, as a killed run does."""

    def write(name: str, count: int, *, fingerprint: str = NOW) -> None:
        enter_work_directory(tmp_path / ".work", node=name, fingerprint=fingerprint)
        (work_directory() / "part").write_bytes(bytes(count))
        leave_work_directory(remove=False)

    return write


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that looks, as a run does once its plan is made, with so many bytes free."""

    def check(*needs: Need, free: int, nodes: tuple[str, ...] = ()) -> None:
        monkeypatch.setattr("simcore.disk.free_bytes", lambda folder: free)
        raw = load("test", data_root=str(tmp_path), plan={"disk_margin": 0.0})
        hook = DiskHook(lambda pipeline, catalog, tree: needs, lambda node: True)
        hook.after_context_created(cast("KedroContext", SimpleNamespace(config_loader={"parameters": raw})))
        names = sorted({need.node for need in needs if need.node} | set(nodes))
        stale = Pipeline([node(lambda: None, None, f"out_{place}", name=name) for place, name in enumerate(names)])
        nothing: dict[str, Any] = {"parameters": {}, "inputs": {}, "values": {}}
        steps = [Step(name, NOW, fresh=False, reason="", code="", **nothing) for name in names]
        hook.after_plan_made(stale=stale, catalog=DataCatalog(), steps=steps)

    return check


def test_work_of_the_present_recipe_counts(leave, look) -> None:
    with pytest.raises(DiskError):
        look(SHARDS, free=200)
    leave("embed_openset", 800)
    look(SHARDS, free=200)
    with pytest.raises(DiskError, match="are there already"):
        look(SHARDS, free=199)


def test_work_of_another_recipe_does_not(leave, look) -> None:
    """The encoder has changed since an extraction was killed late: all has to be written again."""
    leave("embed_openset", 1000, fingerprint=EARLIER)
    with pytest.raises(DiskError) as caught:
        look(SHARDS, free=200)
    assert "already" not in str(caught.value)


def test_a_name_that_begins_like_another_is_another(leave, look) -> None:
    leave("embed_openset-again", 1000)
    with pytest.raises(DiskError):
        look(SHARDS, free=200)


def test_work_of_nodes_that_need_nothing_does_not(leave, look) -> None:
    leave("ingest_openset", 1000)
    with pytest.raises(DiskError):
        look(SHARDS, free=200, nodes=("ingest_openset",))


def test_a_folder_counts_for_no_more_than_its_own_need(leave, look) -> None:
    leave("x.pretrain", 5000)
    look(SHARDS, STATES[0], free=1000)
    with pytest.raises(DiskError):
        look(SHARDS, STATES[0], free=999)


def test_states_lie_in_the_folder_and_encoders_do_not(leave, look) -> None:
    leave("x.pretrain", 700)
    look(ENCODERS, STATES[0], free=100)
    with pytest.raises(DiskError):
        look(ENCODERS, STATES[0], free=99)


def test_of_several_trainings_the_one_that_lacks_most_counts(leave, look) -> None:
    leave("x.pretrain", 600)
    with pytest.raises(DiskError):
        look(*STATES, free=599)
    look(*STATES, free=600)
    leave("simcore.pretrain", 400)
    look(*STATES, free=200)
    with pytest.raises(DiskError):
        look(*STATES, free=199)
