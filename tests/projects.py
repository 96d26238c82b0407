"""Runs of the project on small data, in this process or as a person types them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pyarrow as pa
import pyarrow.parquet as pq
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project

from simcore.session import SimCoreSession

ROOT = Path(__file__).parents[1]
RAW = ROOT / "data" / "01_raw"


def _every(table: pa.Table, step: int) -> pa.Table:
    return table.take(list(range(0, len(table), step)))


def make_small_data(folder: Path) -> dict[str, str]:
    """Write a tenth of the shipped images into `folder`; return the two sources."""
    folder.mkdir(parents=True, exist_ok=True)
    target = pq.read_table(RAW / "quadrupeds_target.parquet")
    openset = pq.read_table(RAW / "quadrupeds_openset.parquet")
    train = target.filter(pa.compute.equal(target["split"], "train"))
    test = target.filter(pa.compute.equal(target["split"], "test"))
    small = pa.concat_tables([_every(train, 2), _every(test, 10)])
    pq.write_table(small, folder / "target.parquet")
    pq.write_table(_every(openset, 20), folder / "openset.parquet")
    return {"target": str(folder / "target.parquet"), "openset": str(folder / "openset.parquet")}


@contextmanager
def session_here(
    data_root: Path, *, params: dict[str, Any] | None = None, env: str = "test"
) -> Iterator[SimCoreSession]:
    """Open a session in this process and leave no state behind."""
    bootstrap_project(ROOT)
    runtime_params = {"data_root": str(data_root), **(params or {})}
    before = os.environ.get("MLFLOW_TRACKING_URI")
    try:
        with SimCoreSession.create(project_path=ROOT, env=env, runtime_params=runtime_params) as session:
            yield session
    finally:
        pipelines.set_requested(None)
        while mlflow.active_run():
            mlflow.end_run()
        # kedro-mlflow exports the store as soon as a context is loaded; the next session must not inherit it.
        if before is None:
            os.environ.pop("MLFLOW_TRACKING_URI", None)


def run_here(
    data_root: Path,
    *,
    pipeline_names: list[str] | None = None,
    params: dict[str, Any] | None = None,
    env: str = "test",
    **kwargs: Any,
) -> dict[str, Any]:
    """Run pipelines in this process and leave no state behind."""
    with session_here(data_root, params=params, env=env) as session:
        return session.run(pipeline_names=pipeline_names, **kwargs)


def type_command(*arguments: str, cwd: Path = ROOT, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run `kedro …` as a person types it; return its exit code and everything it said."""
    command = [sys.executable, "-W", "ignore", "-m", "kedro", *arguments]
    env = {
        **os.environ,
        "COLUMNS": "200",
        "KEDRO_LOGGING_CONFIG": str(ROOT / "conf" / "logging.yml"),
    }
    env.pop("MLFLOW_TRACKING_URI", None)
    return subprocess.run(
        command,
        cwd=cwd,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=timeout,
    )


def as_params(settings: dict[str, Any]) -> str:
    """Return settings as `--params` takes them."""
    return ",".join(f"{name}={value}" for name, value in settings.items())
