"""`--env cluster`: what a run on a cluster leaves is what a local run leaves, and each goes on with the other's."""

import json
from pathlib import Path
from typing import Any

import pytest

from simcore.errors import InputError
from simcore.parameters import check_parameters
from simcore.reuse.values import plain
from tests.parameters.test_parameters import load
from tests.projects import run_here

RECORDS = {"made_from.json", "content.json"}
STAGES = ["ingestion", "retrieval", "embedding", "clustering", "selection"]


def artefacts(root: Path) -> dict[str, bytes]:
    """Return every file of embeddings and coresets, without the save versions in its path and without records."""
    return {
        "/".join((stage, *path.relative_to(root / stage).parts[:1], path.name)): path.read_bytes()
        for stage in ("04_embeddings", "05_coresets")
        for path in sorted((root / stage).rglob("*"))
        if path.is_file() and path.name not in RECORDS
    }


def versions(root: Path) -> list[Path]:
    return sorted(root.glob("0[45]_*/*/*"))


@pytest.mark.long
def test_a_cluster_and_this_process_leave_the_same_and_take_each_others_up(
    tmp_path: Path, small_data: dict[str, Any]
) -> None:
    pytest.importorskip("ray")
    params = {
        **small_data,
        "retrieval": {"encoder": "random:resnet10_small"},
        "embedding": {"rows_per_shard": 100},
        "selection": {"budget": 150},
    }
    here, there = tmp_path / "here", tmp_path / "there"
    run_here(here, pipeline_names=STAGES, params=params, env="local")
    run_here(there, pipeline_names=STAGES, params=params, env="cluster")
    local, made = artefacts(here), artefacts(there)
    assert local.keys() == made.keys()
    assert sum(name.startswith("04_embeddings/openset_embeddings/part-") for name in made) == 6
    for name, content in local.items():
        if name.endswith(".json"):
            ours, theirs = json.loads(made[name]), json.loads(content)
            changing = {"list_depth", "slack", "passes", "deepest_pointer"}
            assert {k: v for k, v in ours.items() if k not in changing} == {
                k: v for k, v in theirs.items() if k not in changing
            }, name
        else:
            assert made[name] == content, name
    before = versions(here), versions(there)
    run_here(here, pipeline_names=STAGES, params=params, env="cluster")
    run_here(there, pipeline_names=STAGES, params=params, env="local")
    assert (versions(here), versions(there)) == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"engine": "spark"}, r"`runtime.engine` is 'spark', but should be 'local' or 'ray'"),
        ({"ray": {"adress": "auto"}}, r"unknown parameter `runtime.ray.adress`; did you mean `address`"),
        ({"ray": {"threads": 0}}, r"`runtime.ray.threads` is 0, but should be greater than 0"),
    ],
)
def test_settings_that_are_wrong_are_refused(change: dict[str, Any], sentence: str) -> None:
    settings = load("cluster")
    with pytest.raises(InputError, match=sentence):
        check_parameters({**settings, "runtime": {**settings["runtime"], **change}})


def test_the_environment_changes_nothing_but_how_the_work_is_done() -> None:
    base, cluster = check_parameters(load("local")), check_parameters(load("cluster"))
    assert (base.runtime.engine, cluster.runtime.engine) == ("local", "ray")
    assert cluster.model_dump(exclude={"runtime"}) == base.model_dump(exclude={"runtime"})
    assert plain(cluster.runtime) == plain(base.runtime) == {}
