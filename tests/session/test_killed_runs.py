"""Runs whose process is gone: told as killed; all others left alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from simcore.killed_runs import PROCESS_TAG, end_killed_runs
from simcore.processes import this_process


@pytest.fixture
def client(tmp_path: Path) -> mlflow.MlflowClient:
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    client.create_experiment("e")
    return client


def of_another_process() -> str:
    """Return what a process that has ended was known by."""
    code = "from simcore.processes import this_process; print(this_process())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_only_runs_whose_process_is_gone_are_ended(client: mlflow.MlflowClient) -> None:
    experiment = client.get_experiment_by_name("e").experiment_id
    mine, gone = json.loads(this_process()), json.loads(of_another_process())
    tags = {
        "gone": gone,
        "mine": mine,
        "number came again": {**mine, "began": gone["began"]},
        "elsewhere": {**gone, "host": "another-machine"},
    }
    ids = {
        name: client.create_run(experiment, tags={PROCESS_TAG: json.dumps(tag)}).info.run_id
        for name, tag in tags.items()
    }
    ids["untagged"] = client.create_run(experiment).info.run_id
    ids["nonsense"] = client.create_run(experiment, tags={PROCESS_TAG: "[1"}).info.run_id
    finished = client.create_run(experiment, tags={PROCESS_TAG: json.dumps(gone)}).info.run_id
    client.set_terminated(finished, "FINISHED")
    ended = end_killed_runs(client.tracking_uri, experiment)
    assert set(ended) == {ids["gone"], ids["number came again"]}
    status = {name: client.get_run(run).info.status for name, run in ids.items()}
    assert {name for name, stand in status.items() if stand == "KILLED"} == {"gone", "number came again"}
    assert client.get_run(finished).info.status == "FINISHED"
    assert f'"pid": {os.getpid()}' in client.get_run(ids["gone"]).data.tags["ended_by"]
    assert end_killed_runs(client.tracking_uri, experiment) == []
