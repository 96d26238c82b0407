"""Long runs keep no memory, no file handle and no process; the full lengths are `python -m benchmarks scale`."""

import gc

import pytest

from benchmarks.scale import handles, processes, watch_scan, watch_training

# MiB a look: 5,000 epochs that keep as much would keep half a gigabyte. Runs that keep nothing came to 0.01 at most.
BOUND = 0.1
LEAK = 2**20


@pytest.fixture
def at_rest():
    """What is open before, after what a first run opens once for the whole process."""
    gc.collect()
    before = handles(), processes()
    yield
    gc.collect()
    assert (handles(), processes()) == before


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """Libraries open their handles at the first run, and the resource tracker of multiprocessing stays."""
    watch_training(epochs=2, workers=1, workdir=tmp_path_factory.mktemp("warm"))
    watch_scan(rows=100_000)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_training_keeps_nothing(warm, at_rest, tmp_path, workers):
    watch = watch_training(epochs=10, workers=workers, workdir=tmp_path, images=32)
    assert len(watch.mib) == 10
    assert watch.slope() < BOUND


def test_a_scan_keeps_nothing(warm, at_rest):
    watch = watch_scan(rows=800_000)
    assert len(watch.mib) > 10
    assert watch.slope() < BOUND


def test_the_bounds_find_what_is_kept(warm, tmp_path):
    assert watch_training(epochs=8, workers=0, workdir=tmp_path, images=32, leak=LEAK).slope() > 5 * BOUND
    assert watch_scan(rows=500_000, leak=LEAK).slope() > 5 * BOUND


def test_a_handle_that_stays_open_is_seen(tmp_path):
    before = handles()
    with (tmp_path / "open").open("w"):
        assert handles() == before + 1
    assert handles() == before
