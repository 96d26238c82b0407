"""What tests of faults share."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.jobs import Job


@pytest.fixture(scope="session")
def memory_path() -> Iterator[Path]:
    """A folder in memory where there is one: MLflow's database commits at each parameter, which a disk makes slow."""
    shm = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=shm if os.access(shm, os.W_OK) else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def reference(memory_path: Path, small_data: dict) -> tuple[Path, Job]:
    """A data root in which the job has run once without a fault, and the job."""
    root = memory_path / "reference"
    job = Job(root, small_data)
    assert job.wait() == 0, job.said
    return root, job
