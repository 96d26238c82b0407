"""The whole job as several processes of one logical run, with MLflow on a server, against one `kedro run`."""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from tests.journeys.test_main_job import newest
from tests.projects import ROOT, run_here

RUN_ID = "2026-01-31T09.30.00.000Z"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A tracking server with a database of its own; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = [f"--backend-store-uri=sqlite:///{tmp_path}/server.db", f"--artifacts-destination={tmp_path}/artifacts"]
    place = ["--host=127.0.0.1", f"--port={port}", "--workers=1"]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *store, *place],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.5)
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=60)


def start(command: str, log: Path, *, server: str) -> subprocess.Popen[bytes]:
    first, *rest = shlex.split(command)
    assert first == "kedro"
    env = {
        **os.environ,
        "COLUMNS": "200",
        "KEDRO_LOGGING_CONFIG": str(ROOT / "conf" / "logging.yml"),
        "MLFLOW_TRACKING_URI": server,
    }
    with log.open("w") as out:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "kedro", *rest], cwd=ROOT, env=env, stdout=out, stderr=out
        )


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_jobs_of_one_run_give_what_one_command_gives(tmp_path, finished, small_data, server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    root = tmp_path / "root"
    jobs = run_here(root, params={**small_data, "run_id": RUN_ID}, pipeline_names=["jobs"])["jobs"].load()
    assert [list(wave["job"]) for _, wave in jobs.groupby("wave")] == [
        ["stages 0"],
        ["random", "simcore", "x"],
        ["stages 1"],
    ]
    for number, wave in jobs.groupby("wave"):
        logs = [tmp_path / f"{number}-{place}.log" for place in range(len(wave))]
        running = [start(command, log, server=server) for command, log in zip(wave["command"], logs, strict=True)]
        for process, log in zip(running, logs, strict=True):
            assert process.wait(timeout=900) == 0, log.read_text()

    for name in ("coreset_simcore.parquet", "coreset_random.parquet", "trace.parquet", "comparison.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(newest(root, name)), pd.read_parquet(newest(finished, name)))
    for arm in ("x", "random", "simcore", "references"):
        ours, theirs = (json.loads(newest(place, f"metrics_{arm}.json").read_text()) for place in (root, finished))
        assert ours == theirs

    made = {path.parent.name for path in root.rglob("made_from.json") if path.parent.parent.name != "jobs"}
    assert made == {RUN_ID}

    client = mlflow.MlflowClient(server)
    experiment = client.get_experiment_by_name("simcore").experiment_id
    runs = [run for run in client.search_runs([experiment]) if run.info.run_name != "jobs"]
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run is not parent]
    assert parent.data.tags["logical_run"] == RUN_ID and parent.info.status == "FINISHED"
    assert parent.info.run_name == RUN_ID
    assert sum(name.startswith("job.") for name in parent.data.tags) == len(jobs)
    assert parent.data.params["selection.tau"] == "0.95"
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.info.status for run in children} == {"FINISHED"}
    # One child an arm, whichever of the processes made its curves and metrics.
    assert sorted(run.data.tags["arm"] for run in children if run.data.tags["seed"] == "0") == sorted(
        {run.data.tags["arm"] for run in children if run.data.tags["seed"] == "0"}
    )
    (x,) = [run for run in children if (run.data.tags["arm"], run.data.tags["seed"]) == ("x", "0")]
    assert "linear_top1.clean cached" in x.data.metrics or "linear_top1.clean" in x.data.metrics
    assert any(name.endswith("loss") for name in x.data.metrics)
