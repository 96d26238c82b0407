"""Journeys that take minutes: `make test-long` runs them all, CI a seeded sample."""

from pathlib import Path

import pandas as pd
import pytest

from tests.journeys.test_main_job import newest
from tests.projects import as_params, type_command

pytestmark = pytest.mark.long


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
