"""Ctrl-C during the job: what it says and leaves; and `--only-missing-outputs`, which must not leave what is stale."""

import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.faults.jobs import Job, leftovers, results, statuses
from tests.journeys.test_main_job import newest, ran
from tests.projects import run_here

pytestmark = pytest.mark.fault


@pytest.mark.long
def test_ctrl_c_says_how_to_go_on_and_leaves_a_clean_state(
    reference: tuple[Path, Job], small_data: dict, memory_path: Path, record_property
) -> None:
    root = memory_path / "interrupted"
    for node in ("ingest_target", "embed_openset", "x.pretrain"):
        trial = Job(root, small_data)
        trial.wait_past(node, 0.3, before=frozenset())
        trial.signal(signal.SIGINT)
        assert trial.wait() != 0, trial.said
        assert "Interrupted. Finished artefacts and training states are kept: the same command goes on" in trial.said
        assert {status for status, _ in statuses(root).values()} == {"FAILED"}
        assert not list(root.rglob("*.partial"))
    last = Job(root, small_data)
    assert last.wait() == 0, last.said
    assert results(root) == results(reference[0]) and not leftovers(root)
    record_property("count", 3)


def test_only_missing_outputs_does_not_leave_what_is_stale(
    finished: Path, small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Kedro's own looks at existence alone: with all outputs there it would run nothing."""
    root = Path(shutil.copytree(finished, tmp_path / "root"))
    before = newest(root, "centroids.parquet")
    time.sleep(0.01)  # versions have names to the millisecond
    with caplog.at_level("INFO"):
        run_here(
            root,
            params={**small_data, "clustering": {"seed": 5}},
            pipeline_names=["clustering"],
            only_missing_outputs=True,
        )
    assert ran(caplog) == ["cluster_target"]
    assert newest(root, "centroids.parquet") != before
