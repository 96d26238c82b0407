from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.selection import select_coreset
from simcore.selection.bounding import Products, coarse_margin
from simcore.selection.similarity import GRID_BITS, fast_margin, grid_rows, similarities

from .oracle import coreset, exact_similarities, published
from .worlds import pools


def coarse(answer):
    """Take the coarse look always or never, whatever this processor is good at."""
    return mock.patch("simcore.selection.bounding.coarse_pays", lambda *_: answer)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("kind", ["normal", "cone", "sparse", "tiny entries", "one large entry"])
@pytest.mark.parametrize("dim", [3, 64, 2048])
def test_the_coarse_look_misses_no_pair_at_its_bound(dtype, kind, dim, rng):
    rows, centroids = rng.normal(size=(200, dim)), rng.normal(size=(20, dim))
    if kind != "normal":
        rows, centroids = np.abs(rows), np.abs(centroids)
    if kind == "sparse":
        rows[rng.random(rows.shape) < 0.9] = 0
        rows[:, 0] = 1
    elif kind == "tiny entries":
        rows[:, 0], rows[:, 1:] = 1, rows[:, 1:] * 2.0**-15
    elif kind == "one large entry":
        rows[:, 0] = 1e4
    rows *= max(1, 0.6 / np.linalg.norm(rows, axis=1).min())
    rows = torch.from_numpy(rows).to(dtype)
    grid = grid_rows(torch.from_numpy(centroids))
    exact = similarities(grid, grid_rows(rows)).numpy()
    fast, margin = (grid / 2.0**GRID_BITS).float(), fast_margin(dim)
    for rank in (1, 5, 40):
        # The bound of each centroid is the similarity of one of its rows, to the bit.
        floors = np.sort(exact, axis=1)[:, -rank]
        if floors.min() < 0.05:
            continue
        with coarse(True):
            products = Products(fast, margin, piece_rows=200)
        bounds = products.bounds(floors)
        passing, _, _ = products._passing(rows, bounds.coarse[dtype], None)
        wanted = np.flatnonzero((exact >= floors[:, None]).any(axis=0))
        assert np.isin(wanted, passing.numpy()).all()
        used, found, least = products.reaching(rows, bounds, None)
        pairs = np.zeros(exact.shape, dtype=bool)
        pairs[:, used.numpy()] = (found >= least).numpy()
        assert pairs[exact >= floors[:, None]].all()


def test_the_coarse_look_spares_most_rows(rng):
    rows, centroids = rng.normal(size=(2000, 512)), rng.normal(size=(20, 512))
    grid = grid_rows(torch.from_numpy(centroids))
    with coarse(True):
        products = Products((grid / 2.0**GRID_BITS).float(), fast_margin(512), piece_rows=2000)
    floors = np.full(20, 0.15)
    for dtype in (torch.float16, torch.float32):
        bounds = products.bounds(floors).coarse[dtype]
        passing, _, _ = products._passing(torch.from_numpy(rows).to(dtype), bounds, None)
        assert 0 < len(passing) < 200


@pytest.mark.parametrize(("dtype", "bits"), [(torch.float16, 11), (torch.float32, 8)])
def test_the_coarse_margin_covers_the_worst_rounding(dtype, bits):
    # Centroids that the coarse type cuts as far as it can, all in one direction.
    dim = 256
    rows = torch.full((1, dim), 1 + 2.0 ** (1 - bits) - 2.0 ** (-2 - bits), dtype=torch.float32).to(dtype)
    rows[0, : dim // 2] = 1.0
    grid = grid_rows(torch.full((1, dim), 1 + 2.0**-bits - 2.0 ** (-4 - bits)))
    exact = similarities(grid, grid_rows(rows)).numpy()
    with coarse(True):
        products = Products((grid / 2.0**GRID_BITS).float(), fast_margin(dim), piece_rows=1)
    assert products._passing(rows, products.bounds(exact[:, 0]).coarse[dtype], None)[0].tolist() == [0]
    margin = float(coarse_margin(torch.ones(1), dim, fast_margin(dim), kind=dtype))
    assert 2.0**-bits < margin < 6 * 2.0**-bits


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pool=pools(),
    half=st.booleans(),
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 20)),
    budget=st.integers(1, 60),
    scale=st.sampled_from([1.0, 2.0**-9, 2.0**9]),
)
def test_a_coarse_look_changes_no_pick(pool, half, sizes, budget, scale):
    (openset, centroids), (depth, block_rows) = pool, sizes
    openset = openset * np.float32(scale)
    if half:
        openset = openset.astype(np.float16)
    similarities_ = exact_similarities(centroids, openset.astype(np.float32))
    with (
        coarse(True),
        mock.patch("simcore.selection.passes._BLOCKS_A_TASK", 1),
        mock.patch("simcore.selection.candidates._MIN_PAIRS", 1),
        mock.patch("simcore.selection.bounding._COARSE_SHARE", 2.0),
    ):
        got = select_coreset(centroids, openset, depth=depth, block_rows=block_rows, budget=budget)
    assert got.indices.tolist() == coreset(published(similarities_, budget=budget)[0])


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_row_without_direction_is_named_behind_a_coarse_look(value, dtype, rng):
    openset = np.abs(rng.normal(size=(64, 128))).astype(dtype)
    openset[50] = 0 if value == 0 else openset[50]
    openset[50, 7] = value
    centroids = np.abs(rng.normal(size=(3, 128)))
    with coarse(True), pytest.raises(InputError, match="index 50 is"):
        select_coreset(centroids, openset, depth=4, budget=5, block_rows=16)
    with coarse(True):
        got = select_coreset(centroids, openset, depth=4, budget=5, block_rows=16, exclude=[50])
    with coarse(False):
        assert got.indices.tolist() == select_coreset(centroids, openset, budget=5, exclude=[50]).indices.tolist()
