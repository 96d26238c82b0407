"""Small open-sets and centroids of every kind."""

import numpy as np
from hypothesis import strategies as st

KINDS = ["normal", "cone", "integers", "duplicates", "identical", "antipodal"]


@st.composite
def pools(draw, *, positive=False):
    """(n, d) open-set and (k, d) centroids: duplicates, ties, shared neighbours, negative similarities."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    n, k, d = draw(st.integers(1, 60)), draw(st.integers(1, 8)), draw(st.integers(1, 6))
    kind = draw(st.sampled_from(KINDS), label="kind")
    openset, centroids = rng.normal(size=(n, d)), rng.normal(size=(k, d))
    if kind == "cone":
        openset, centroids = np.abs(openset) + 3, np.abs(centroids) + 3
    elif kind == "integers":
        openset, centroids = rng.integers(-2, 3, size=(n, d)), rng.integers(-2, 3, size=(k, d))
        openset[(openset == 0).all(axis=1)] = 1
        centroids[(centroids == 0).all(axis=1)] = 1
    elif kind == "duplicates":
        openset = openset[rng.integers(0, n, size=n)]
    elif kind == "identical":
        openset = np.ones((n, d))
    elif kind == "antipodal":
        openset, centroids = -np.abs(openset) - 0.1, np.abs(centroids) + 0.1
    if positive:
        openset, centroids = np.abs(openset) + 0.01, np.abs(centroids) + 0.01
    return openset.astype(np.float32), centroids.astype(np.float32)
