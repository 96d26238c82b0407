"""Journeys that take minutes: `make test-long` runs them all, CI a seeded sample."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.journeys.test_main_job import newest
from tests.projects import ROOT, as_params, type_command

pytestmark = pytest.mark.long


def read_metrics(root: Path) -> dict[str, list]:
    return {path.name: json.loads(newest(root, path.name).read_text()) for path in sorted(root.rglob("metrics_*.json"))}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_killed_job_run_again_ends_the_same(seed: int, finished: Path, small_data: dict, tmp_path: Path) -> None:
    """SIGKILL at a random moment, three times, then the same command to its end."""
    draw = random.Random(seed)
    params = as_params(
        {
            "data_root": tmp_path,
            "target.source": small_data["target"]["source"],
            "openset.source": small_data["openset"]["source"],
        }
    )
    command = [sys.executable, "-W", "ignore", "-m", "kedro", "run", "--env", "test", "--params", params]
    for _ in range(3):
        job = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(draw.uniform(6, 25))
        os.killpg(job.pid, signal.SIGKILL)
        job.wait()
    seen = type_command("run", "--env", "test", "--params", params)
    assert seen.returncode == 0, seen.stdout
    pd.testing.assert_frame_equal(
        pd.read_parquet(newest(tmp_path, "coreset_simcore.parquet")),
        pd.read_parquet(newest(finished, "coreset_simcore.parquet")),
    )
    assert read_metrics(tmp_path) == read_metrics(finished)


@pytest.mark.timeout(1800)
def test_default_job_picks_the_right_images_and_beats_raw_pixels(tmp_path: Path) -> None:
    """The shipped job at its full length: purity of the coreset, and every arm's probe against raw pixels."""
    seen = type_command("run", "--params", as_params({"data_root": tmp_path}), timeout=1700)
    assert seen.returncode == 0, seen.stdout
    coreset = pd.read_parquet(newest(tmp_path, "coreset_simcore.parquet"))
    labels = pd.read_parquet(newest(tmp_path, "openset_manifest.parquet")).set_index("key")["label"]
    purity = labels.loc[coreset["key"]].str.startswith("animal/").mean()
    assert purity >= 0.80, f"purity {purity:.3f} of {len(coreset)} picks, chance 0.25"
    comparison = pd.read_parquet(newest(tmp_path, "comparison.parquet"))
    linear = comparison[(comparison["evaluation"] == "linear") & (comparison["metric"] == "top1")]
    # The mode that pixels have too: no encoder sees crops of them.
    top1 = linear[linear["protocol"] == "clean cached"].set_index("arm")["mean"]
    for arm in ("x", "random", "simcore"):
        assert top1[arm] > top1["pixels"], top1.to_dict()
    report = newest(tmp_path, "report.html").read_text()
    assert "aw pixels" in report and "2 seeds" in report
