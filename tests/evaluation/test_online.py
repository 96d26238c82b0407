"""The probe during training: twin against plain loops, and what it must not touch."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from simcore.evaluation.online import OnlineKnn, predict_left_out
from simcore.images import ImageStore, read_source


def vote_slowly(features: np.ndarray, classes: list[int], k: int) -> list[int]:
    """Leave-one-out weighted vote in plain loops."""
    predicted = []
    for i, one in enumerate(features):
        others = sorted((-float(one @ other), j) for j, other in enumerate(features) if j != i)
        votes = [0.0] * (max(classes) + 1)
        for negative, j in others[: min(k, len(others))]:
            votes[classes[j]] += math.exp(-negative / 0.07)
        predicted.append(votes.index(max(votes)))
    return predicted


@pytest.mark.parametrize(("n", "d", "k"), [(2, 3, 1), (30, 4, 5), (57, 8, 20), (15, 4, 200)])
def test_it_is_the_leave_one_out_vote(n: int, d: int, k: int) -> None:
    draw = np.random.default_rng(n)
    features = draw.normal(size=(n, d))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    classes = draw.integers(0, 3, n).tolist()
    fast = predict_left_out(torch.from_numpy(features), torch.tensor(classes), k=k)
    assert fast.tolist() == vote_slowly(features, classes, k)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    features = nn.functional.normalize(torch.randn(40, 6, generator=torch.Generator().manual_seed(0)), dim=1)
    classes = torch.arange(40) % 4
    whole = predict_left_out(features, classes, k=5)
    monkeypatch.setattr("simcore.evaluation.online._BLOCK_BYTES", 4 * 40 * 7)
    assert torch.equal(predict_left_out(features, classes, k=5), whole)


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    for number, name in enumerate(("dark", "light")):
        (tmp_path / name).mkdir()
        for shade in range(5):
            image = np.full((10, 12, 3), 60 + 120 * number + shade, dtype=np.uint8)
            image[:, : 5 + 2 * number] = 20
            Image.fromarray(image).save(tmp_path / name / f"{shade}.png")
    return ImageStore(read_source(tmp_path).manifest)


def test_an_image_is_not_its_own_neighbour(store: ImageStore) -> None:
    class Alone(nn.Module):
        """Gives each image a direction of its own, and a faint one of the other class."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            n = len(images)
            other = torch.zeros(n, 2)
            other[torch.arange(n), (torch.arange(n) >= 5).long()] = 0.1
            return torch.cat([torch.eye(n), other], dim=1)

    # All similarities to others of the class are equal and positive, those to the other class 0.
    assert OnlineKnn(store, image_size=8, k=4)(Alone()) == {"knn_top1": 1.0}


def test_it_leaves_the_network_and_the_generator_alone(store: ImageStore) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.random.get_rng_state()
    value = OnlineKnn(store, image_size=8, k=3, batch_size=4)(network)["knn_top1"]
    assert value == OnlineKnn(store, image_size=8, k=3, batch_size=10)(network)["knn_top1"]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
