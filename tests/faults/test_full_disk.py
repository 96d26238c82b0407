"""The disk is full: one sentence that names it, and once there is space the same command goes on."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import writers
from tests.faults.jobs import Job, leftovers, results
from tests.faults.mounts import fill, small_disk, with_small_disk
from tests.projects import ROOT

pytestmark = pytest.mark.fault

PLACES = ("ingest_target", "embed_openset", "x.pretrain", "draw_figures")
"""After each of these nodes the disk is filled."""


def test_every_writer_names_the_full_disk_and_leaves_nothing(tmp_path: Path, record_property) -> None:
    # Two MiB hold what is tried before the big write of each, and no big one.
    wrap = with_small_disk(tmp_path / "disk", mib=2)
    proof = subprocess.run(
        [*wrap, "sh", "-c", 'head -c 3000000 /dev/zero > "$0/x"', str(tmp_path / "disk")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "No space left on device" in proof.stderr
    seen = subprocess.run(
        [*wrap, sys.executable, "-W", "ignore", "-m", "tests.faults.writers", str(tmp_path / "disk")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert seen.returncode == 0, seen.stderr
    told = json.loads(seen.stdout.splitlines()[-1])
    assert set(told) == {writer.__name__ for writer in writers.WRITERS}
    for name, (kind, sentence, left) in told.items():
        assert kind == "DiskError", (name, kind, sentence)
        assert sentence.startswith("No space is left to write ") and str(tmp_path / "disk") in sentence, sentence
        assert "of 2;" in sentence and "\n" not in sentence
        assert not left, name
    record_property("count", len(told))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_job_goes_on_once_there_is_space(
    reference: tuple[Path, Job], small_data: dict, tmp_path: Path, record_property
) -> None:
    with small_disk(tmp_path / "disk", mib=256) as (enter, disk):
        root = tmp_path / "disk" / "root"
        full = 0
        for place in (None, *PLACES):
            # The run's own look at the space would stop it before a write fails.
            trial = Job(root, small_data, wrap=enter, **{"plan.disk": "ignore"})
            trial.wait_past(place, 0.0, before=frozenset())
            filler = fill(disk)
            code = trial.wait()
            filler.unlink()
            assert code != 0, f"the disk was filled too late, after {place}: {trial.said}"
            assert trial.last_line.startswith("Error: No space is left to write "), trial.said
            assert str(tmp_path / "disk") in trial.last_line
            full += 1
        last = Job(root, small_data, wrap=enter)
        assert last.wait() == 0, last.said
        # Out of the namespace, to where paths mean the same.
        copy = Path(shutil.copytree(disk / "root", tmp_path / "copy"))
    assert results(copy) == results(reference[0])
    assert not leftovers(copy)
    record_property("count", full)
