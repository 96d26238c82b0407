"""Runs in MLflow say which data they rest on."""

from pathlib import Path

import mlflow
import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.io.core import Version
from mlflow.entities import Run

from simcore.datasets import EmbeddingsDataset, TableDataset
from simcore.embeddings import write_embeddings
from simcore.images import source_fingerprint
from simcore.lineage import describe_data, describe_pools
from simcore.reuse import Record, write_record
from simcore.tracking import Tracker
from tests.journeys.test_main_job import newest


@pytest.fixture(scope="module")
def runs(finished: Path) -> dict[str, Run]:
    client = mlflow.MlflowClient(f"sqlite:///{finished}/mlflow.db")
    found = client.search_runs([client.get_experiment_by_name("simcore").experiment_id])
    return {run.data.tags.get("arm", "parent"): run for run in found}


def data_tags(run: Run) -> dict[str, str]:
    return {name: value for name, value in run.data.tags.items() if name.startswith("data.")}


def test_parent_and_children_name_the_version_of_every_artefact(finished: Path, runs: dict[str, Run]) -> None:
    tags = data_tags(runs["parent"])
    artefacts = {"target_manifest": "target_manifest.parquet", "openset_embeddings": "openset_embeddings"}
    artefacts |= {"coreset_simcore": "coreset_simcore.parquet", "metrics_x": "metrics_x.json", "report": "report.html"}
    assert {name: tags[f"data.{name}"] for name in artefacts} == {
        name: newest(finished, file).parent.name for name, file in artefacts.items()
    }
    assert not [name for name in tags if "params" in name]
    for arm in ("x", "random", "simcore"):
        assert data_tags(runs[arm]) == tags


def test_they_name_the_sources_by_content(runs: dict[str, Run], small_data: dict) -> None:
    tags = data_tags(runs["parent"])
    for pool in ("target", "openset"):
        assert tags[f"data.{pool}_manifest.source"] == source_fingerprint(small_data[pool]["source"])
    assert len({value for name, value in tags.items() if name.endswith(".fingerprint")}) > len(runs)


def made(folder: Path, version: str, *, source: str) -> TableDataset:
    dataset = TableDataset(filepath=f"{folder}/target_manifest.parquet", version=Version(None, version))
    dataset.save(pd.DataFrame({"key": ["a"]}))
    values = {"params:target": {"source": "x", "outside state": source}}
    write_record(dataset, Record("target_manifest", f"from {source}", code="", parameters={}, inputs={}, values=values))
    return TableDataset(filepath=f"{folder}/target_manifest.parquet", version=Version(None, None))


def test_a_version_is_the_one_that_is_opened(tmp_path: Path) -> None:
    made(tmp_path, "2020", source="old")
    dataset = made(tmp_path, "2021", source="new")
    expected = {
        "data.target_manifest": "2021",
        "data.target_manifest.fingerprint": "from new",
        "data.target_manifest.source": "new",
    }
    assert describe_data("target_manifest", dataset) == expected
    assert describe_pools(DataCatalog({"target_manifest": dataset})) == expected
    assert describe_data("other", TableDataset(filepath=f"{tmp_path}/other", version=Version(None, None))) == {}
    assert describe_data("other", object()) == {}


def test_given_data_are_named_by_place_and_content(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "mine", ["a", "b"], [[1.0, 0.0], [0.0, 1.0]])
    dataset = EmbeddingsDataset(filepath=f"{tmp_path}/own", version=Version(None, None), given=str(tmp_path / "mine"))
    assert describe_data("target_embeddings", dataset) == {
        "data.target_embeddings": str(tmp_path / "mine"),
        "data.target_embeddings.fingerprint": dataset.outside_state(),
    }


def test_tags_beyond_what_mlflow_takes_in_one_call(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = mlflow.MlflowClient(uri)
    experiment = client.create_experiment("many", artifact_location=str(tmp_path))
    parent = client.create_run(experiment).info.run_id
    tracker = Tracker(uri, experiment, parent, parameters={}, tags={})
    child = tracker.child(arm="x", seed=0)
    facts = {f"data.{number}": "v" * 9000 for number in range(250)} | {"data.odd=name": "1", f"data.{'n' * 300}": "2"}
    tracker.note_data(facts)
    tracker.close("FINISHED")
    for run_id in (parent, child):
        tags = data_tags(client.get_run(run_id))
        assert len(tags) == len(facts) and tags["data.odd-name"] == "1"
