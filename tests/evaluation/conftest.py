"""Features with classes in them."""

from dataclasses import dataclass

import numpy as np
import pytest

CLASSES = ("bear", "cat", "cow")


@dataclass
class Split:
    features: np.ndarray
    labels: np.ndarray


def draw(n_per_class, *, dim, seed, noise=1.0, scale=1.0, shift=0.0):
    """Return classes as Gaussian clouds around fixed centres, in a mixed order."""
    centres = np.random.default_rng(0).normal(size=(len(CLASSES), dim))
    generator = np.random.default_rng(seed)
    numbers = generator.permutation(np.repeat(np.arange(len(CLASSES)), n_per_class))
    features = centres[numbers] + noise * generator.normal(size=(len(numbers), dim))
    return Split((scale * features + shift).astype(np.float32), np.array(CLASSES)[numbers])


@pytest.fixture
def classes():
    return list(CLASSES)


@pytest.fixture
def clouds():
    return draw
