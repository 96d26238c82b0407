import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.reporting import nearest_similarity, similarity_figure


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 30), k=st.integers(1, 6), d=st.integers(1, 5), seed=st.integers(0, 9))
def test_the_nearest_centroid_is_that_of_the_slow_way(n, k, d, seed) -> None:
    generator = np.random.default_rng(seed)
    rows, centroids = generator.normal(size=(n, d)), generator.normal(size=(k, d))
    slow = [
        max(float(row @ centre / np.linalg.norm(row) / np.linalg.norm(centre)) for centre in centroids) for row in rows
    ]
    assert nearest_similarity(rows, centroids) == pytest.approx(slow, abs=1e-5)


def test_more_rows_than_a_step_are_all_measured() -> None:
    rows = np.random.default_rng(0).normal(size=(5000, 3))
    whole = nearest_similarity(rows, np.eye(3))
    assert len(whole) == 5000
    assert whole[4990:] == pytest.approx(nearest_similarity(rows[4990:], np.eye(3)), abs=1e-6)


@settings(deadline=None, max_examples=25)
@given(
    sets=st.lists(st.lists(st.floats(-1, 1), min_size=1, max_size=40), min_size=1, max_size=3),
    bins=st.integers(1, 50),
)
def test_no_image_is_lost_between_bins(sets, bins) -> None:
    named = dict(zip(("openset", "random", "simcore"), map(np.array, sets), strict=False))
    figure = similarity_figure(named, bins=bins)
    assert len(figure.data) == len(named)
    for line in figure.data:
        assert sum(line.y) == pytest.approx(100)
        assert len(line.x) == bins


def test_three_sets_are_told_apart_and_named_with_counts() -> None:
    figure = similarity_figure({"openset": np.zeros(9), "random": np.full(2, 0.5), "simcore": np.array([0.9])})
    assert [line.name for line in figure.data] == [
        "open-set (9 images, median 0.000)",
        "random (2 images, median 0.500)",
        "SimCore (1 image, median 0.900)",
    ]
    assert len({(line.line.color, line.line.dash) for line in figure.data}) == 3
    assert figure.layout.xaxis.title.text == "cosine similarity"


def test_nothing_to_measure_is_said() -> None:
    assert "no image" in similarity_figure({"simcore": np.array([])}).layout.annotations[0].text


@pytest.mark.parametrize(
    ("rows", "centroids", "words"),
    [
        (np.ones((2, 3)), np.ones((1, 2)), "same encoder"),
        (np.ones((2, 3)), np.ones((0, 3)), "one centroid or more"),
        (np.zeros((2, 3)), np.ones((1, 3)), "Row 0 of `embeddings` is zero"),
        (np.ones((2, 3)), np.full((1, 3), np.nan), "Row 0 of `centroids`"),
        (np.ones(3), np.ones((1, 3)), "one row an image"),
    ],
)
def test_rows_without_direction_are_refused(rows, centroids, words) -> None:
    with pytest.raises(InputError, match=words):
        nearest_similarity(rows, centroids)


def test_a_similarity_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="'random' is not finite"):
        similarity_figure({"random": np.array([np.nan])})
