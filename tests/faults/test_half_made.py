"""Versions that were never finished, and clocks that go backwards: the newest whole version is the one in use."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from kedro.io.core import Version

from simcore.datasets import TableDataset
from simcore.reuse.records import newest_records
from tests.journeys.test_main_job import newest, ran
from tests.projects import run_here

pytestmark = pytest.mark.fault

LATE = "2999-01-01T00.00.00.000Z"


def nothing(version: Path, good: Path) -> None:
    """A folder alone."""


def empty_file(version: Path, good: Path) -> None:
    (version / good.name).touch()


def temporary_name(version: Path, good: Path) -> None:
    shutil.copy(good, version / f".{good.name}.0123abcd.partial")


def without_record(version: Path, good: Path) -> None:
    shutil.copy(good, version)


def record_alone(version: Path, good: Path) -> None:
    shutil.copy(good.parent / "made_from.json", version)


HALVES = (nothing, empty_file, temporary_name, without_record, record_alone)


@pytest.mark.parametrize("half", HALVES, ids=[half.__name__ for half in HALVES])
def test_half_a_version_is_not_the_latest(half: Callable[[Path, Path], None], tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    TableDataset(filepath=str(path), version=Version(None, "2026-01-01T00.00.00.000Z")).save(pd.DataFrame({"a": [1]}))
    good = next(path.glob("*/t.parquet"))
    (good.parent / "made_from.json").write_text("{}")
    (path / LATE).mkdir()
    half(path / LATE, good)
    assert TableDataset(filepath=str(path), version=Version(None, None)).load()["a"].tolist() == [1]
    # A save by the right time comes behind the whole one, and is the one that is loaded.
    dataset = TableDataset(filepath=str(path), version=Version(None, "2026-01-02T00.00.00.000Z"))
    dataset.save(pd.DataFrame({"a": [2]}))
    assert TableDataset(filepath=str(path), version=Version(None, None)).load()["a"].tolist() == [2]


def test_what_somebody_put_there_is_used_where_nothing_was_saved(tmp_path: Path) -> None:
    place = tmp_path / "t.parquet" / "mine" / "t.parquet"
    place.parent.mkdir(parents=True)
    pd.DataFrame({"a": [3]}).to_parquet(place)
    assert TableDataset(filepath=str(tmp_path / "t.parquet"), version=Version(None, None)).load()["a"].tolist() == [3]


@pytest.mark.long
def test_a_run_passes_half_made_versions_by(
    finished: Path, small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = Path(shutil.copytree(finished, tmp_path / "root"))
    for name in ("centroids.parquet", "target_manifest.parquet"):
        late = newest(root, name).parent.parent / LATE
        late.mkdir()
        empty_file(late, newest(finished, name))
    with caplog.at_level("INFO"):
        run_here(root, params={**small_data, "clustering": {"seed": 5}}, pipeline_names=["clustering"])
    assert set(ran(caplog)) == {"cluster_target"}
    caplog.clear()
    with caplog.at_level("INFO"):
        run_here(root, params={**small_data, "clustering": {"seed": 5}}, pipeline_names=["ingestion", "clustering"])
    assert not ran(caplog)
    pruned = run_here(root, params={**small_data, "prune": {"remove": True}}, pipeline_names=["prune"])["pruned"].load()
    assert pruned["reason"].tolist().count("half made") == 2
    assert not list(root.rglob(LATE))
    caplog.clear()
    with caplog.at_level("INFO"):
        run_here(root, params={**small_data, "clustering": {"seed": 5}}, pipeline_names=["ingestion", "clustering"])
    assert not ran(caplog), "the versions in use are still there"


def test_a_clock_that_goes_backwards_changes_nothing(
    finished: Path,
    small_data: dict,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twenty years back, for Kedro's versions and for whoever asks the system."""
    root = Path(shutil.copytree(finished, tmp_path / "root"))
    before = newest(root, "centroids.parquet")
    now = time.time
    monkeypatch.setattr("kedro.framework.session.session.generate_timestamp", lambda: "2006-11-22T09.00.00.000Z")
    monkeypatch.setattr(time, "time", lambda: now() - 20 * 365 * 86_400)
    changed = {**small_data, "clustering": {"seed": 5}}
    with caplog.at_level("INFO"):
        run_here(root, params=changed, pipeline_names=["clustering"])
    assert set(ran(caplog)) == {"cluster_target"}
    after = newest(root, "centroids.parquet")
    assert after.parent.name > before.parent.name
    record = newest_records(root)["centroids"]
    assert record["path"] == str(after.parent) and record["values"]["params:clustering"]["seed"] == 5
    assert all(json.loads(path.read_text())["seconds"] >= 0 for path in root.rglob("made_from.json"))
    caplog.clear()
    with caplog.at_level("INFO"):
        run_here(root, params=changed, pipeline_names=["clustering"])
    assert not ran(caplog), "what was just made is the newest, and holds"
