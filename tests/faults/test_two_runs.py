"""Two different runs on one root at once, as two people would start them."""

import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.jobs import Job, leftovers, results

pytestmark = [pytest.mark.fault, pytest.mark.long]


def hold(job: Job, *, database: Path) -> None:
    """Stop a job, so that it cannot end before the other one has started, but not while it writes MLflow's database.

    The other one has to open that before it is refused.
    """
    while job.is_running():
        job.signal(signal.SIGSTOP)
        with closing(sqlite3.connect(database, timeout=0)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                job.signal(signal.SIGCONT)
                time.sleep(0.02)
            else:
                return
    pytest.fail(f"the first job has ended: {job.said}")


def test_the_second_is_refused_and_mixes_nothing(
    reference: tuple[Path, Job], small_data: dict, memory_path: Path, record_property
) -> None:
    root = memory_path / "two"
    first = Job(root, small_data)
    points = ("ingest_target", "embed_target", "x.pretrain")
    try:
        for node in points:
            first.wait_past(node, 0.0, before=frozenset())
            hold(first, database=next(root.glob("*.db")))
            second = Job(root, small_data, **{"clustering.seed": 9, "selection.tau": 0.5})
            assert second.wait() != 0 and not second.done, second.said
            assert f"process {first.pid} on {os.uname().nodename} since 20" in second.last_line, second.said
            assert second.last_line.startswith("Error: Another run works on the same data root")
            first.signal(signal.SIGCONT)
        assert first.wait() == 0, first.said
    finally:
        # Also where it is held.
        first.kill()
    assert results(root) == results(reference[0])
    with closing(sqlite3.connect(next(root.glob("*.db")))) as connection:
        shown = connection.execute("SELECT status FROM runs WHERE lifecycle_stage = 'active'").fetchall()
    assert {status for (status,) in shown} == {"FINISHED"}  # those that were refused leave no row
    assert not leftovers(root)
    record_property("count", len(points))
