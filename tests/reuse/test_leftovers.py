"""What killed runs leave: removed by the next run that works on the same, and by no other."""

from pathlib import Path

import pandas as pd
import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from simcore.reuse import ReuseRunner, make_plan
from simcore.workspace import work_directory


def make() -> pd.DataFrame:
    (work_directory() / "state").touch()
    return pd.DataFrame({"x": [1]})


PIPELINE = Pipeline([Node(make, None, "mine", name="make")])


class Runtime:
    def __init__(self, work_dir: Path) -> None:
        self.work_dir, self.reuse = str(work_dir), True


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataCatalog:
    monkeypatch.setattr("simcore.reuse.runner._runtime", lambda _: Runtime(tmp_path / ".work"))
    entry = {"type": "simcore.datasets.TableDataset", "filepath": f"{tmp_path}/mine.parquet", "versioned": True}
    return DataCatalog.from_config({"mine": entry}, save_version="2026-01-01T00.00.00.000Z")


def run(catalog: DataCatalog) -> None:
    ReuseRunner().run(PIPELINE, catalog, _create_hook_manager(), "2026-01-01T00.00.00.000Z")


def test_half_written_files_of_the_runs_own_artefacts_go(catalog: DataCatalog, tmp_path: Path) -> None:
    killed = tmp_path / "mine.parquet" / "2025-01-01T00.00.00.000Z"
    killed.mkdir(parents=True)
    (killed / ".mine.parquet.0123abcd.partial").touch()
    theirs = tmp_path / "theirs.parquet" / "2025-01-01T00.00.00.000Z" / ".theirs.parquet.0123abcd.partial"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    run(catalog)
    assert not killed.exists()
    assert theirs.exists(), "another run may be writing it"
    assert catalog.load("mine")["x"].tolist() == [1]


def test_work_of_a_node_that_was_killed_after_its_last_save_goes(catalog: DataCatalog, tmp_path: Path) -> None:
    run(catalog)
    step = make_plan(PIPELINE, catalog).step("make")
    assert step.fresh
    left = tmp_path / ".work" / f"make-{step.fingerprint[:12]}"
    other = tmp_path / ".work" / "make-0123456789ab"
    for folder in (left, other):
        folder.mkdir()
        (folder / "state").touch()
    run(catalog)
    assert not left.exists()
    assert other.exists(), "the unfinished work of other settings may still be wanted"
