"""Studies: pipelines of arms with a table of ratio and accuracy, and their place in the report."""

import logging
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.journeys.test_main_job import newest, ran
from tests.projects import run_here


@pytest.fixture(scope="module")
def studied(finished: Path, small_data: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished root in which a study was run, and then the report."""
    root = Path(shutil.copytree(finished, tmp_path_factory.mktemp("studied") / "root"))
    run_here(root, params=small_data, pipeline_names=["thresholds"])
    run_here(root, params=small_data)
    return root


def test_a_study_gives_ratio_and_accuracy_of_every_arm(studied: Path) -> None:
    table = pd.read_parquet(newest(studied, "study_thresholds.parquet"))
    arms = ["x", "simcore_tau_99", "simcore_tau_95", "simcore_tau_90"]
    leading = table[table["protocol"] == "clean"].drop_duplicates("arm").set_index("arm")
    assert list(leading.index) == arms
    sizes = [len(pd.read_parquet(newest(studied, f"coreset_{arm}.parquet"))) for arm in arms[1:]]
    assert leading["images"].tolist() == [0, *sizes] and sizes == sorted(sizes)
    openset = pd.read_parquet(newest(studied, "openset_manifest.parquet"))
    assert leading["ratio_percent"].tolist() == pytest.approx([100 * n / len(openset) for n in [0, *sizes]])
    shifts = leading["mean"] - leading.loc["x", "mean"]
    assert leading["difference"].iloc[1:].tolist() == pytest.approx(shifts.iloc[1:].tolist())
    assert set(leading["against"].iloc[1:]) == {"x"}


def test_a_coreset_of_the_usual_threshold_is_the_usual_coreset(studied: Path) -> None:
    usual, named = (pd.read_parquet(newest(studied, f"coreset_{arm}.parquet")) for arm in ("simcore", "simcore_tau_95"))
    pd.testing.assert_frame_equal(usual, named)


def test_the_report_shows_studies_that_hold_and_only_those(
    studied: Path, small_data: dict, caplog: pytest.LogCaptureFixture
) -> None:
    assert "Study: Threshold of the stop rule" in newest(studied, "report.html").read_text()
    # Other embeddings: what the study says is of another time.
    changed = {**small_data, "clustering": {"seed": 7}}
    run_here(studied, params=changed)
    assert "Study: " not in newest(studied, "report.html").read_text()


def test_a_study_re_uses_the_arms_that_were_compared(
    finished: Path, small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = Path(shutil.copytree(finished, tmp_path / "root"))
    mine = {"studies": {"thresholds": {"arms": "x+simcore+random"}}}
    with caplog.at_level(logging.INFO):
        run_here(root, params={**small_data, **mine}, pipeline_names=["thresholds"])
    assert set(ran(caplog)) == {"tabulate_thresholds", "draw_thresholds"}
