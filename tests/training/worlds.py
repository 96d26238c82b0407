"""Stores, views and methods small enough to train in seconds; importable, so that new processes find them."""

import hashlib
from dataclasses import dataclass

import numpy as np
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


@dataclass(frozen=True)
class NoisyDeviceViews:
    """The same views, drawn for a whole batch."""

    seed: int = 0

    def __call__(self, images, *, step, keys, device):
        draw = NoisyViews(self.seed)
        views = [draw(image, step=step, key=key) for image, key in zip(images, keys, strict=True)]
        return [torch.stack(views, dim=1).to(device)]


class KilledError(Exception):
    """Stands for whatever ends a run."""


class Recorder:
    """Keeps what it is told."""

    def __init__(self):
        self.rows = []

    def log(self, metrics, *, step):
        self.rows.append({"step": step, **metrics})


def make_store(n=24, *, first=0):
    pixels = np.random.default_rng(first).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)
    return ArrayStore(pixels, np.array([f"image-{number:02d}" for number in range(first, first + n)]))


def make_simclr(seed=0):
    return SimCLR(create_backbone("resnet10_small", seed=seed), seed=seed)


def make_settings(**changes):
    values = {
        "steps": 9,
        "batch_size": 8,
        "optimiser": "adamw",
        "learning_rate": 1e-3,
        "warmup_steps": 2,
        "log_every": 4,
        "workers": 0,
        "threads": 1,
        "checkpoint_every_seconds": 0,
        "device": "cpu",
    }
    return TrainingSettings(**{**values, **changes})


def assert_same_state(left, right):
    assert left.keys() == right.keys()
    for name in left:
        assert torch.equal(left[name], right[name]), name
