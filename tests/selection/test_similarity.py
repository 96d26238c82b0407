import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.selection.similarity import fast_margin, grid_rows, paired_similarities, similarities, squared_norms

from .oracle import exact_similarities


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_equals_sums_of_python_integers(dim, seed):
    rng = np.random.default_rng(seed)
    left, right = rng.normal(size=(3, dim)), rng.normal(size=(4, dim)) * 10.0 ** rng.integers(-6, 6)
    got = similarities(grid_rows(torch.from_numpy(left)), grid_rows(torch.from_numpy(right)))
    assert got.tolist() == exact_similarities(left, right).tolist()


@pytest.mark.parametrize("dim", [1, 2, 7, 64, 384, 2048, 4096])
def test_the_order_of_the_sum_does_not_matter(dim, rng):
    left, right = (grid_rows(torch.from_numpy(rng.normal(size=(5, dim)))) for _ in range(2))
    expected = similarities(left, right)
    for _ in range(5):
        order = torch.from_numpy(rng.permutation(dim))
        assert torch.equal(similarities(left[:, order], right[:, order]), expected)
    assert torch.equal(paired_similarities(left, right), expected.diagonal())
    halves = similarities(left[:, : dim // 2], right[:, : dim // 2]) + similarities(
        left[:, dim // 2 :], right[:, dim // 2 :]
    )
    assert torch.equal(halves, expected)


@pytest.mark.parametrize("dim", [1, 64, 2048, 4096])
def test_the_grid_never_leaves_what_float64_holds(dim, rng):
    worst = torch.from_numpy(np.concatenate([np.ones((1, dim)), rng.normal(size=(20, dim)), np.eye(1, dim)]))
    grid = grid_rows(worst)
    # Every partial sum in any order is bounded by the sum of absolute values.
    assert float((grid.abs() @ grid.abs().T).max()) < 2**53
    assert torch.equal(grid, grid.round())


@pytest.mark.parametrize("dim", [64, 2048, 4096])
def test_is_as_close_to_the_cosine_as_stated(dim, rng):
    left, right = rng.normal(size=(20, dim)).astype(np.float32), rng.normal(size=(20, dim)).astype(np.float32)
    left[0] = right[0]
    wide_left, wide_right = left.astype(np.longdouble), right.astype(np.longdouble)
    cosine = (wide_left @ wide_right.T) / (
        np.linalg.norm(wide_left, axis=1)[:, None] * np.linalg.norm(wide_right, axis=1)
    )
    got = similarities(grid_rows(torch.from_numpy(left)), grid_rows(torch.from_numpy(right))).numpy()
    assert np.abs(got - cosine).max() < math.sqrt(dim) * 2**-26
    assert np.abs(got - cosine).mean() < 2e-8


def test_does_not_depend_on_the_neighbours_of_a_row(rng):
    rows = torch.from_numpy(rng.normal(size=(301, 2048)).astype(np.float32))
    whole = grid_rows(rows)
    assert all(torch.equal(grid_rows(rows[i : i + 1]), whole[i : i + 1]) for i in (0, 63, 64, 300))


@pytest.mark.parametrize("dim", [1, 2, 3, 5, 8, 9, 16, 17, 100, 2048])
def test_norms_are_summed_in_the_stated_order(dim, rng):
    rows = rng.normal(size=(4, dim)).astype(np.float32).astype(np.float64)

    def tree(values):
        while len(values) > 1:
            half = (len(values) + 1) // 2
            values = [values[i] + values[half + i] if half + i < len(values) else values[i] for i in range(half)]
        return values[0]

    expected = [tree([value * value for value in row]) for row in rows.tolist()]
    assert squared_norms(torch.from_numpy(rows)).tolist() == expected


@pytest.mark.parametrize("dim", [1, 4, 64, 512, 4096])
@pytest.mark.parametrize("kind", ["normal", "cone", "one large entry", "parallel"])
def test_fast_products_stay_within_the_margin(dim, kind, rng):
    rows, centroids = rng.normal(size=(300, dim)), rng.normal(size=(20, dim))
    if kind == "cone":
        rows, centroids = np.abs(rows), np.abs(centroids)
    elif kind == "one large entry":
        rows[:, 0] = 1e4
    elif kind == "parallel":
        centroids = rows[:20]
    left, right = torch.from_numpy(centroids).float(), torch.from_numpy(rows).float()
    fast = torch.nn.functional.normalize(left, dim=1) @ torch.nn.functional.normalize(right, dim=1).T
    error = (fast.double() - similarities(grid_rows(left), grid_rows(right))).abs().max()
    assert float(error) <= fast_margin(dim)


def test_the_margin_knows_about_reduced_precision():
    before = torch.get_float32_matmul_precision()
    try:
        margins = []
        for precision in ("highest", "high", "medium"):
            torch.set_float32_matmul_precision(precision)
            margins.append(fast_margin(64))
    finally:
        torch.set_float32_matmul_precision(before)
    assert margins[0] < 1e-5
    assert 1e-3 < margins[1] < margins[2]


def test_a_half_is_a_half():
    rows = grid_rows(torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0]]))
    assert Fraction(similarities(rows[:1], rows[1:]).item()) == Fraction(1, 2)
