"""The collapse monitor and the stop at non-finite losses."""

import json
import math

import pytest
import torch

from simcore.methods import StepOutput
from simcore.training import NonFiniteError, TrainingSettings, feature_spread
from simcore.training.group import Group
from simcore.training.health import LossMonitor

NAN = float("nan")


def output(loss, features=None, device="cpu"):
    return StepOutput(torch.tensor(loss, device=device), torch.ones(3, 2) if features is None else features)


@pytest.fixture
def monitor(tmp_path):
    return LossMonitor(
        tmp_path,
        keys_of=lambda step: [f"{step}-{i}" for i in range(3)],
        learning_rate_of=lambda step: step / 10,
        group=Group(TrainingSettings(steps=1, device="cpu")),
    )


def test_spread_tells_collapse_from_the_sphere():
    torch.manual_seed(0)
    assert feature_spread(torch.ones(50, 64) * torch.rand(50, 1)) < 1e-6
    assert feature_spread(torch.randn(5000, 64)) == pytest.approx(1 / math.sqrt(64), rel=0.01)


def test_spread_against_its_definition():
    features = torch.randn(7, 5, generator=torch.Generator().manual_seed(1))
    unit = features / features.norm(dim=1, keepdim=True)
    slow = sum(math.sqrt(sum((x - unit[:, d].mean()) ** 2 for x in unit[:, d]) / 7) for d in range(5)) / 5
    assert feature_spread(features) == pytest.approx(slow, rel=1e-5)


@pytest.mark.parametrize("loss", [NAN, float("inf"), -float("inf")])
def test_a_bad_loss_names_step_rate_and_batch(monitor, loss, tmp_path):
    monitor.add([output(1.0)], step=1)
    monitor.add([output(loss)], step=2)
    with pytest.raises(NonFiniteError, match=r"step 2 \(learning rate 0\.2\) on 3 image"):
        monitor.read()
    record = json.loads((tmp_path / "nonfinite.json").read_text())
    assert record["step"] == 2
    assert record["learning_rate"] == 0.2
    assert record["keys"] == ["2-0", "2-1", "2-2"]


def test_images_with_bad_features_are_singled_out(monitor):
    features = torch.ones(3, 2)
    features[1, 0] = NAN
    monitor.add([output(NAN, features)], step=4)
    with pytest.raises(NonFiniteError, match=r"on 1 image.*: 4-1"):
        monitor.read()


def test_images_of_a_later_pass_are_found(monitor):
    bad = torch.ones(2, 2)
    bad[1, 1] = NAN
    monitor.add([output(1.0, torch.ones(1, 2)), output(NAN, bad)], step=4)
    with pytest.raises(NonFiniteError, match=r"on 1 image.*: 4-2"):
        monitor.read()


def test_losses_are_read_later_and_the_first_bad_one_is_found(monitor):
    for step, loss in enumerate([1.0, NAN, NAN], start=1):
        monitor.add([output(loss)], step=step)
    assert monitor.values == []
    with pytest.raises(NonFiniteError, match="step 2"):
        monitor.read()


def test_the_loss_of_a_step_is_the_mean_of_its_passes(monitor):
    monitor.add([output(1.0), output(4.0)], step=1)
    assert monitor.take_mean() == 2.5


def test_the_mean_covers_the_interval(monitor):
    for step, loss in enumerate([1.0, 2.0, 6.0], start=1):
        monitor.add([output(loss)], step=step)
    assert monitor.take_mean() == 3.0
    monitor.add([output(4.0)], step=4)
    assert monitor.take_mean() == 4.0
