"""Two normal distributions on a line: as scikit-learn finds them, and laws of its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from simcore.downstream.webly import fit_mixture


def draw(seed: int, n: int, share: float, apart: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    second = rng.random(n) < share
    values = np.where(second, apart + 0.1 * rng.standard_normal(n), np.abs(0.05 * rng.standard_normal(n)))
    return (values - values.min()) / (values.max() - values.min())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("share", "apart"), [(0.4, 0.7), (0.1, 0.5), (0.8, 0.3)])
def test_as_scikit_learn(seed: int, share: float, apart: float) -> None:
    values = draw(seed, 400, share, apart)
    settings = {"max_iter": 10, "tol": 1e-2, "reg_covar": 5e-4}
    start = fit_mixture(values, iterations=0, floor=5e-4)
    twin = GaussianMixture(
        2,
        weights_init=start.weights,
        means_init=start.means[:, None],
        precisions_init=1 / start.variances[:, None, None],
        **settings,
    ).fit(values[:, None])
    order = np.argsort(twin.means_[:, 0])
    found = fit_mixture(values, iterations=10, tolerance=1e-2, floor=5e-4)
    np.testing.assert_allclose(found.means, twin.means_[order, 0], rtol=1e-6)
    np.testing.assert_allclose(found.variances, twin.covariances_[order, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(found.weights, twin.weights_[order], rtol=1e-6)
    np.testing.assert_allclose(
        found.lower_probability(values), twin.predict_proba(values[:, None])[:, order[0]], atol=1e-7
    )


def test_as_scikit_learn_from_a_start_of_its_own() -> None:
    values = draw(0, 400, 0.4, 0.7)
    twin = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=0).fit(values[:, None])
    probabilities = twin.predict_proba(values[:, None])[:, twin.means_[:, 0].argmin()]
    np.testing.assert_allclose(fit_mixture(values).lower_probability(values), probabilities, atol=1e-6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
@settings(deadline=None)
def test_whatever_the_values(values) -> None:
    values = np.array(values)
    found = fit_mixture(values)
    clean = found.lower_probability(values)
    assert np.isfinite(clean).all() and ((clean >= 0) & (clean <= 1)).all()
    assert found.means[0] <= found.means[1] and found.weights.sum() == pytest.approx(1)
    shuffled = np.random.default_rng(0).permutation(len(values))
    np.testing.assert_allclose(fit_mixture(values[shuffled]).lower_probability(values), clean, atol=1e-9)


def test_the_start_is_the_best_cut() -> None:
    values = np.random.default_rng(0).random(30) ** 3
    found = fit_mixture(values, iterations=0, floor=0)
    ordered = np.sort(values)
    best = min(range(1, 30), key=lambda cut: cut * ordered[:cut].var() + (30 - cut) * ordered[cut:].var())
    np.testing.assert_allclose(found.means, [ordered[:best].mean(), ordered[best:].mean()])
    np.testing.assert_allclose(found.variances, [ordered[:best].var(), ordered[best:].var()])
    np.testing.assert_allclose(found.weights, [best / 30, 1 - best / 30])
