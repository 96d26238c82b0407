from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcore.selection import scan, select_coreset

from .oracle import coreset, exact_similarities, published
from .worlds import pools


@contextmanager
def busy() -> Iterator[None]:
    """Let small inputs go the way of large ones: one block a task, lists cut as soon as they are full."""
    with (
        mock.patch("simcore.selection.passes._BLOCKS_A_TASK", 1),
        mock.patch("simcore.selection.candidates._MIN_PAIRS", 1),
    ):
        yield


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pool=pools(), depth=st.integers(1, 12), block_rows=st.integers(1, 20), budget=st.integers(1, 60))
def test_many_small_blocks_and_cuts_change_nothing(pool, depth, block_rows, budget):
    openset, centroids = pool
    similarities = exact_similarities(centroids, openset)
    with busy():
        lists = scan(centroids, openset, depth=depth, block_rows=block_rows)
        got = select_coreset(centroids, openset, depth=depth, block_rows=block_rows, budget=budget)
    for row, positions in zip(similarities, lists.positions, strict=True):
        assert positions.tolist() == np.lexsort((np.arange(len(row)), -row))[:depth].tolist()
    assert got.indices.tolist() == coreset(published(similarities, budget=budget)[0])


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_floors_among_near_ties_miss_nothing(n_threads, rng, threads):
    torch.set_num_threads(n_threads)
    base = rng.normal(size=2048)
    openset = (base + 3e-7 * rng.normal(size=(400, 2048))).astype(np.float32)
    centroids = (base + 0.1 * rng.normal(size=(2, 2048))).astype(np.float32)
    similarities = exact_similarities(centroids, openset)
    with busy():
        lists = scan(centroids, openset, depth=25, block_rows=16)
    for row, positions in zip(similarities, lists.positions, strict=True):
        assert positions.tolist() == np.lexsort((np.arange(400), -row))[:25].tolist()


def test_a_bar_is_shown_only_when_asked_for(capsys, rng):
    openset, centroids = rng.normal(size=(50, 3)), rng.normal(size=(2, 3))
    select_coreset(centroids, openset, budget=5)
    assert capsys.readouterr().err == ""
    select_coreset(centroids, openset, budget=5, show_progress=True)
    assert "scan 1: 100%" in capsys.readouterr().err


def test_memory_does_not_grow_with_the_open_set():
    tracemalloc = pytest.importorskip("tracemalloc")
    rng = np.random.default_rng(0)
    centroids = rng.normal(size=(5, 8))

    def stream(n_blocks):
        for _ in range(n_blocks):
            yield rng.normal(size=(1000, 8)).astype(np.float32)

    peaks = []
    for n_blocks in (20, 200):
        tracemalloc.start()
        with mock.patch("simcore.selection.candidates._MIN_PAIRS", 1000):
            scan(centroids, stream(n_blocks), depth=50)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
