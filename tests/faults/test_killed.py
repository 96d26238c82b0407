"""SIGKILL at random moments of the whole job: run again, it ends as if nothing had happened."""

import random
from pathlib import Path

import pytest

from tests.faults.jobs import Job, leftovers, results, statuses

pytestmark = [pytest.mark.long, pytest.mark.fault]

JOBS, KILLS = 4, 6
_SHARE = 0.6
"""Of the time since the last node: a try on a machine that has less to do must not be past its end by then."""


def moments(done: dict[str, float], *, job: int) -> list[tuple[str | None, float]]:
    """Return the kills of one job: the last node done before, and seconds since then.

    The duration from the end of the start-up is cut into as many strata as there are kills; each job takes every
    fourth.
    """
    first, last = 0.8 * min(done.values()), max(done.values())
    found = []
    for kill in range(KILLS):
        stratum = kill * JOBS + job
        share = (stratum + random.Random(f"{job} {kill}").random()) / (JOBS * KILLS)
        moment = first + share * (last - first)
        before = [(at, node) for node, at in done.items() if at <= moment]
        at, node = max(before, default=(0.0, None))
        found.append((node, _SHARE * (moment - at)))
    return found


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("number", range(JOBS))
def test_killed_job_run_again_ends_the_same(
    number: int, reference: tuple[Path, Job], small_data: dict, memory_path: Path, record_property
) -> None:
    root = memory_path / f"killed-{number}"
    undisturbed, job = reference
    killed: list[str] = []
    done: frozenset[str] = frozenset()
    for node, seconds in moments(job.done, job=number):
        trial = Job(root, small_data)
        trial.wait_past(node, seconds, before=done)
        if trial.kill():
            killed.append(f"{node or 'start'} + {seconds:.1f} s")
        else:
            assert trial.wait() == 0, trial.said
        done |= set(trial.done)
    record_property("count", len(killed))
    assert len(killed) >= KILLS - 1, f"only {len(killed)} tries were killed before they ended"
    record_property("killed after", "; ".join(killed))
    last = Job(root, small_data)
    assert last.wait() == 0, last.said
    assert results(root) == results(undisturbed)
    assert not leftovers(root)
    # Every try that got as far as opening a run is told as killed, and only those.
    stands = statuses(root).values()
    assert {status for status, _ in stands} <= {"FINISHED", "KILLED"}
    assert all(("its process was killed" in said) == (status == "KILLED") for status, said in stands)
    again = Job(root, small_data)
    assert again.wait() == 0 and not again.done, "not everything was finished"
