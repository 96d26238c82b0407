"""Two different runs on one root at once, as two people would start them."""

import os
import signal
from pathlib import Path

import pytest

from tests.faults.jobs import Job, leftovers, results

pytestmark = [pytest.mark.fault, pytest.mark.long]


def test_the_second_is_refused_and_mixes_nothing(
    reference: tuple[Path, Job], small_data: dict, memory_path: Path, record_property
) -> None:
    root = memory_path / "two"
    first = Job(root, small_data)
    points = ("ingest_target", "embed_target", "x.pretrain")
    for node in points:
        first.wait_past(node, 0.0, before=frozenset())
        # Held where it is, so that it cannot end before the second one has started.
        first.signal(signal.SIGSTOP)
        assert first.is_running(), first.said
        second = Job(root, small_data, **{"clustering.seed": 9, "selection.tau": 0.5})
        assert second.wait() != 0 and not second.done, second.said
        assert f"process {first.pid} on {os.uname().nodename} since 20" in second.last_line, second.said
        assert second.last_line.startswith("Error: Another run works on the same data root")
        first.signal(signal.SIGCONT)
    assert first.wait() == 0, first.said
    assert results(root) == results(reference[0])
    assert not leftovers(root)
    record_property("count", len(points))
