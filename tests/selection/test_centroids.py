import logging

import numpy as np
import pytest
import torch

from simcore.embeddings import write_embeddings
from simcore.errors import InputError
from simcore.selection import fit_centroids, fit_clustering


@pytest.fixture
def target(rng):
    centres = rng.normal(size=(8, 16)) * 3
    return (centres[rng.integers(0, 8, size=400)] + rng.normal(size=(400, 16))).astype(np.float32)


def inertia(rows, centroids):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return float((2 - 2 * (unit @ centroids.T).max(axis=1)).sum())


@pytest.mark.parametrize("n_clusters", [1, 2, 8, 50, 399])
def test_centroids_are_unit_float32_rows(target, n_clusters):
    clustering = fit_clustering(target, n_clusters=n_clusters)
    assert clustering.centroids.shape == (n_clusters, 16)
    assert clustering.centroids.dtype == np.float32
    assert np.allclose(np.linalg.norm(clustering.centroids, axis=1), 1, atol=1e-6)
    assert clustering.sizes.sum() == 400
    assert clustering.inertia == pytest.approx(inertia(target, clustering.centroids), rel=1e-4, abs=1e-3)


def test_are_as_good_as_scikit_learn(target):
    cluster = pytest.importorskip("sklearn.cluster")
    unit = target / np.linalg.norm(target, axis=1, keepdims=True)
    reference = cluster.KMeans(20, n_init=10, random_state=0).fit(unit).cluster_centers_
    reference /= np.linalg.norm(reference, axis=1, keepdims=True)
    assert fit_clustering(target, n_clusters=20).inertia <= 1.01 * inertia(target, reference)


def test_the_seed_decides(target):
    assert (fit_centroids(target, n_clusters=30) == fit_centroids(target, n_clusters=30)).all()
    assert (fit_centroids(target, n_clusters=30, seed=1) != fit_centroids(target, n_clusters=30)).any()


def test_every_kind_of_target_gives_the_same_centroids(target, tmp_path):
    half = target.astype(np.float16)
    keys = [f"{i:03d}" for i in range(400)]
    embeddings = write_embeddings(tmp_path / "e", keys, half)
    expected = fit_centroids(half, n_clusters=5)
    for given in (torch.from_numpy(half), embeddings, tmp_path / "e", 8 * half.astype(np.float64)):
        assert (fit_centroids(given, n_clusters=5) == expected).all()


@pytest.mark.parametrize("n_clusters", [400, 1000, None])
def test_every_target_image_becomes_a_centroid_and_is_said_so(target, n_clusters, caplog):
    with caplog.at_level(logging.INFO):
        centroids = fit_centroids(target, n_clusters=n_clusters)
    unit = target / np.linalg.norm(target, axis=1, keepdims=True)
    assert np.allclose(centroids, unit, atol=1e-6)
    assert "Every one of the 400 target images is a centroid" in caplog.text


def test_one_cluster_is_the_mean_direction(target):
    unit = target / np.linalg.norm(target, axis=1, keepdims=True)
    mean = unit.mean(axis=0)
    assert np.allclose(fit_centroids(target, n_clusters=1)[0], mean / np.linalg.norm(mean), atol=1e-6)


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        (np.eye(3), {"n_clusters": 0}, "`n_clusters` is 0"),
        (np.eye(3), {"n_redo": 0}, "`n_redo` is 0"),
        (np.eye(3), {"n_iterations": 0}, "`n_iterations` is 0"),
        (np.empty((0, 3)), {}, "`target` has 0 rows"),
        (np.zeros(3), {}, r"`target` has shape \(3,\)"),
        ([[1.0]], {}, "`target` is a list"),
        (np.array([[1.0, 0], [0, 0]]), {}, "target row with index 1 is zero or not finite"),
        (np.array([[np.nan, 0], [0, 1]]), {}, "target row with index 0 is zero or not finite"),
        (np.array([[1.0, 0], [-1, 0]]), {"n_clusters": 1}, "cancel out"),
    ],
)
def test_wrong_input_says_what_to_change(target, settings, message):
    with pytest.raises(InputError, match=message):
        fit_centroids(target, **settings)


def test_a_bad_row_of_a_directory_is_named(tmp_path):
    embeddings = write_embeddings(tmp_path / "e", ["a", "b"], np.array([[1.0], [0.0]]))
    with pytest.raises(InputError, match="key `b` is zero"):
        fit_centroids(embeddings)
