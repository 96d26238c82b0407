"""What a data root holds, what of it may go, and two runs on one root."""

import logging
import shutil
from pathlib import Path

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from simcore.errors import SimCoreError
from simcore.reuse.locking import locked
from tests.projects import run_here


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "root"))


def status(root: Path, params: dict) -> pd.DataFrame:
    return run_here(root, params=params, pipeline_names=["status"])["status"].load().set_index("dataset")


def runs_shown(root: Path) -> list[str]:
    """Return the runs that MLflow shows."""
    client = MlflowClient(f"sqlite:///{next(root.glob('*.db'))}")
    experiments = [each.experiment_id for each in client.search_experiments()]
    return sorted(run.info.run_id for run in client.search_runs(experiments))


def test_status_says_what_is_fresh_stale_and_missing(
    root: Path, small_data: dict, caplog: pytest.LogCaptureFixture
) -> None:
    # The report shows where things lie, and this is a copy.
    before = status(root, small_data).drop("report")
    assert set(before["state"]) == {"fresh"} and (before["bytes"] > 0).all()
    shutil.rmtree(root / "08_reporting" / "report.html")
    with caplog.at_level(logging.INFO):
        after = status(root, {**small_data, "clustering": {"seed": 5}})
    assert after.loc["report", "state"] == "missing"
    assert (
        after.loc["centroids", "state"] == "stale" and after.loc["centroids", "reason"] == "params:clustering changed"
    )
    assert after.loc["coreset_simcore", "reason"] == "centroids will be made again"
    fresh = {"target_manifest", "retrieval_encoder", "openset_embeddings", "encoders_x"}
    assert set(after.loc[list(fresh), "state"]) == {"fresh"}
    assert "stale    centroids" in caplog.text and "missing  report" in caplog.text


def test_prune_lists_and_then_removes_all_but_the_version_in_use(root: Path, small_data: dict) -> None:
    run_here(root, params={**small_data, "runtime": {"reuse": False}}, pipeline_names=["clustering"])
    kept = sorted(path.name for path in (root / "05_coresets" / "centroids.parquet").iterdir())
    assert len(kept) == 2
    listed = run_here(root, params=small_data, pipeline_names=["prune"])["pruned"].load()
    assert listed["path"].tolist() == [str(root / "05_coresets" / "centroids.parquet" / kept[0])]
    assert len(list((root / "05_coresets" / "centroids.parquet").iterdir())) == 2
    run_here(root, params={**small_data, "prune": {"remove": True}}, pipeline_names=["prune"])
    assert [path.name for path in (root / "05_coresets" / "centroids.parquet").iterdir()] == kept[1:]


def test_a_second_run_on_a_root_is_refused_and_changes_nothing(root: Path, small_data: dict) -> None:
    before = sorted(
        path for path in root.rglob("*") if path.is_file() and ".work" not in path.parts and "mlflow" not in path.name
    )
    shown = runs_shown(root)
    with (
        locked(root / ".work" / "locks", {None}),
        pytest.raises(SimCoreError, match="Another run works on the same data root"),
    ):
        run_here(root, params={**small_data, "clustering": {"seed": 9}})
    after = sorted(
        path for path in root.rglob("*") if path.is_file() and ".work" not in path.parts and "mlflow" not in path.name
    )
    assert before == after
    assert shown == runs_shown(root)
