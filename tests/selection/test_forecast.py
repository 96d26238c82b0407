from unittest import mock

import numpy as np
import pytest

from simcore.selection import select_coreset


@pytest.mark.parametrize("shared", [False, True])
def test_lists_are_deep_enough_at_once_and_not_much_deeper(shared):
    certificates = []
    with mock.patch("simcore.selection.forecast._MAX_ROWS", 8192):
        for seed in range(4):
            rng = np.random.default_rng(seed)
            openset = rng.standard_normal((70_000, 64), dtype=np.float32)
            centroids = rng.standard_normal((100, 64), dtype=np.float32)
            if shared:
                # All centroids want the same images: chance moves all lists of the sample at once.
                openset = np.maximum(openset, 0)
                centroids = np.maximum(np.maximum(rng.standard_normal((1, 64)), 0) + 0.1 * centroids, 0)
            certificates += [
                select_coreset(centroids, openset, budget=budget, truncate=None).certificate for budget in (7000, 1000)
            ]
    assert [certificate.passes for certificate in certificates].count(1) >= 7
    used = [certificate.deepest_pointer / certificate.list_depth for certificate in certificates[::2]]
    assert np.median(used) > (0.6 if shared else 0.2)
