"""Two normal distributions on a line, fitted by expectation and maximisation."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of two normal distributions; the first has the smaller mean.

    Attributes:
        weights: `(2,)`, summing to 1.
        means: `(2,)`.
        variances: `(2,)`.
    """

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray

    def log_densities(self, values: np.ndarray) -> np.ndarray:
        """Return the logarithm of each weighted density at `values`, `(n, 2)`."""
        distance = (np.asarray(values, dtype=np.float64)[:, None] - self.means) ** 2 / self.variances
        return np.log(self.weights) - 0.5 * (np.log(2 * np.pi * self.variances) + distance)

    def lower_probability(self, values: np.ndarray) -> np.ndarray:
        """Return how probably values come from the distribution with the smaller mean, `(n,)` float64."""
        log = self.log_densities(values)
        return np.exp(log[:, 0] - logsumexp(log, axis=1))


def fit_mixture(values: np.ndarray, *, iterations: int = 10, tolerance: float = 1e-2, floor: float = 5e-4) -> Mixture:
    """Return the mixture that expectation and maximisation find from the best cut of the values in two.

    As scikit-learn's `GaussianMixture`, which starts from the clusters of a seeded k-means; on a line the best two
    clusters are found exactly, by trying every cut, so that there is nothing to draw. In O(n log n).

    Args:
        values: `(n,)`.
        iterations: At most.
        tolerance: Ends when the mean log-likelihood rises by less.
        floor: Added to the variances, which keeps them above zero.

    Example:
        >>> mixture = fit_mixture(np.array([0.0, 0.1, 0.2, 0.9, 1.0]))
        >>> mixture.means.round(2).tolist(), mixture.lower_probability(np.array([0.1, 0.9])).round(2).tolist()
        ([0.1, 0.95], [1.0, 0.0])
    """
    values = np.asarray(values, dtype=np.float64)
    below = values <= _best_cut(values)
    mixture = _maximise(values, np.stack([below, ~below], axis=1).astype(np.float64), floor=floor)
    before = -np.inf
    for _ in range(iterations):
        log = mixture.log_densities(values)
        total = logsumexp(log, axis=1, keepdims=True)
        mixture = _maximise(values, np.exp(log - total), floor=floor)
        if abs(float(total.mean()) - before) < tolerance:
            break
        before = float(total.mean())
    order = np.argsort(mixture.means, kind="stable")
    return Mixture(mixture.weights[order], mixture.means[order], mixture.variances[order])


def _maximise(values: np.ndarray, shares: np.ndarray, *, floor: float) -> Mixture:
    # As scikit-learn: a component without values is no division by zero.
    count = shares.sum(axis=0) + 10 * np.finfo(np.float64).eps
    means = values @ shares / count
    variances = (shares * (values[:, None] - means) ** 2).sum(axis=0) / count + floor
    return Mixture(count / count.sum(), means, variances)


def _best_cut(values: np.ndarray) -> float:
    """Return the value up to which the lower of the best two clusters reaches (least squared distances)."""
    ordered = np.sort(values)
    n = np.arange(1, len(ordered))
    sums = np.cumsum(ordered)
    below, above = sums[:-1], sums[-1] - sums[:-1]
    # The squares of the values are the same for every cut.
    explained = below**2 / n + above**2 / (len(ordered) - n)
    # Equal values stay together.
    explained[ordered[1:] == ordered[:-1]] = -np.inf
    return float(ordered[int(np.argmax(explained))]) if len(ordered) > 1 else float(ordered[0])
