"""The data root is read-only: one sentence, and nothing half made."""

import subprocess
from pathlib import Path

import pytest

from tests.faults.jobs import Job
from tests.faults.mounts import with_read_only

pytestmark = pytest.mark.fault


def state(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in root.rglob("*")}


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(False, id="empty root"),
        pytest.param(True, id="finished root", marks=pytest.mark.long),
    ],
)
def test_a_read_only_root_is_named(begun: bool, small_data: dict, tmp_path: Path, request) -> None:
    root = tmp_path / "root"
    if begun:
        import shutil

        shutil.copytree(request.getfixturevalue("finished"), root)
    root.mkdir(exist_ok=True)
    wrap = with_read_only(root)
    proof = subprocess.run([*wrap, "touch", str(root / "x")], capture_output=True, text=True, check=False)
    assert "Read-only file system" in proof.stderr
    before = state(root)
    job = Job(root, small_data, wrap=wrap, **{"clustering.seed": 7})
    assert job.wait() != 0
    assert job.last_line.startswith("Error: ") and "mounted read-only" in job.last_line, job.said
    assert str(root) in job.last_line and "Traceback" not in job.said
    assert state(root) == before
