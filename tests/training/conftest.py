"""A store and views small enough to train on in seconds."""

import hashlib
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from simcore.backbones import create_backbone
from simcore.methods import SimCLR
from simcore.training import TrainingSettings


@dataclass
class ArrayStore:
    """Images of an array by position."""

    pixels: np.ndarray
    keys: np.ndarray

    def __len__(self):
        return len(self.pixels)

    def compact(self, position):
        return self.pixels[position]


@dataclass(frozen=True)
class NoisyViews:
    """Two views by noise that is a function of (seed, step, key)."""

    seed: int = 0

    def __call__(self, image, *, step, key):
        digest = hashlib.sha256(f"{self.seed}/{step}/{key}".encode()).digest()
        noise = np.random.default_rng(list(digest)).integers(0, 40, (2, *image.shape))
        return torch.from_numpy((image // 2 + noise).astype(np.uint8).transpose(0, 3, 1, 2).copy())


@pytest.fixture
def store():
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (24, 16, 16, 3), dtype=np.uint8)
    return ArrayStore(pixels, np.array([f"image-{number:02d}" for number in range(24)]))


@pytest.fixture
def views():
    return NoisyViews()


@pytest.fixture
def make_method():
    def make(seed=0):
        return SimCLR(create_backbone("resnet10_small", seed=seed), seed=seed)

    return make


@pytest.fixture
def settings():
    return TrainingSettings(
        steps=9,
        batch_size=8,
        optimiser="adamw",
        learning_rate=1e-3,
        warmup_steps=2,
        log_every=4,
        workers=0,
        threads=1,
        checkpoint_every_seconds=0,
        device="cpu",
    )
