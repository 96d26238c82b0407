import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.stats import gaussian_kde

from simcore.errors import InputError
from simcore.reporting import FeatureMap, ring_density, ring_figure
from simcore.reporting.ring import ring_directions


def ring_of(turns: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(turns), np.sin(turns)], axis=1)


turns = st.lists(st.floats(-10, 10), min_size=1, max_size=40).map(np.array)


@settings(deadline=None, max_examples=50)
@given(turns)
def test_both_densities_integrate_to_one(angles) -> None:
    density = ring_density(ring_of(angles))
    whole = trapezoid(trapezoid(density.plane, density.grid, axis=1), density.grid)
    assert whole == pytest.approx(1, abs=2e-3)
    assert density.around.mean() * 2 * np.pi == pytest.approx(1, abs=1e-6)
    assert density.plane.min() >= 0
    assert density.around.min() >= 0


@settings(deadline=None, max_examples=25)
@given(turns, st.integers(0, 359))
def test_a_turned_ring_has_a_turned_density(angles, steps) -> None:
    density, turned = (ring_density(ring_of(part)) for part in (angles, angles + 2 * np.pi * steps / 360))
    assert np.roll(density.around, steps) == pytest.approx(turned.around, rel=1e-3, abs=1e-6)


def test_the_plane_is_that_of_scipy_where_the_variances_are_equal() -> None:
    quarter = np.random.default_rng(0).normal(size=9) / 2
    directions = ring_of(np.concatenate([quarter + turn * np.pi / 2 for turn in range(4)]))
    density = ring_density(directions, n_grid=40)
    across, up = np.meshgrid(density.grid, density.grid)
    slow = gaussian_kde(directions.T)(np.stack([across.ravel(), up.ravel()])).reshape(40, 40)
    assert density.plane == pytest.approx(slow, rel=1e-9, abs=1e-12)


def test_many_directions_are_all_counted() -> None:
    directions = ring_of(np.random.default_rng(0).normal(size=9000))
    halves = [ring_density(np.concatenate([part, part])) for part in (directions[:4500], directions[4500:])]
    mean = (halves[0].around + halves[1].around) / 2
    assert ring_density(directions).around == pytest.approx(mean, rel=0.05, abs=0.005)


def test_the_peak_is_where_the_directions_are() -> None:
    density = ring_density(ring_of(np.full(20, np.pi / 2)))
    assert density.angles[density.around.argmax()] == pytest.approx(np.pi / 2)
    up, across = np.unravel_index(density.plane.argmax(), density.plane.shape)
    assert density.grid[up] == pytest.approx(1, abs=0.03)
    assert density.grid[across] == pytest.approx(0, abs=0.03)


@settings(deadline=None, max_examples=25)
@given(st.floats(0.1, 100), st.floats(-50, 50))
def test_directions_forget_place_and_size(size, shift) -> None:
    points = np.random.default_rng(0).normal(size=(12, 2))
    plain = ring_directions(points, centre=points.mean(axis=0))
    moved = size * points + shift
    assert ring_directions(moved, centre=moved.mean(axis=0)) == pytest.approx(plain, abs=1e-6)
    assert np.linalg.norm(plain, axis=1) == pytest.approx(np.ones(12))


def test_points_without_direction_are_refused() -> None:
    with pytest.raises(InputError, match="Point 1 lies on the centre"):
        ring_directions(np.eye(2), centre=np.array([0.0, 1.0]))
    with pytest.raises(InputError, match="no direction"):
        ring_density(np.empty((0, 2)))


def test_the_figure_has_a_panel_a_set_and_one_for_the_angle() -> None:
    points = np.random.default_rng(1).normal(size=(60, 2))
    figure = ring_figure(FeatureMap(points[:20], points[20:], points[30:40], "target", 5.0, 0))
    assert [(trace.type, trace.name) for trace in figure.data] == [
        ("heatmap", "open-set"), ("scatter", "open-set"), ("heatmap", "target X"), ("scatter", "target X"),
        ("heatmap", "coreset"), ("scatter", "coreset"),
    ]  # fmt: skip
    assert len({trace.zmax for trace in figure.data if trace.type == "heatmap"}) == 1
    assert [axis.title.text for axis in figure.select_xaxes(row=1)] == ["open-set", "target X", "coreset"]
    below = next(figure.select_xaxes(row=2))
    assert below.title.text == "angle (degrees)"
    for line in figure.data[1::2]:
        assert np.mean(line.y) * 2 * np.pi == pytest.approx(1, abs=1e-3)


def test_an_empty_coreset_has_no_panel() -> None:
    points = np.random.default_rng(1).normal(size=(60, 2))
    figure = ring_figure(FeatureMap(points[:20], points[20:], points[:0], "target", 5.0, 0))
    assert [trace.name for trace in figure.data[::2]] == ["open-set", "target X"]
