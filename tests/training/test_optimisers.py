"""Parameter groups and rules of the optimisers."""

import pytest
import torch
from torch import nn

from simcore.training import TrainingSettings
from simcore.training.optimisers import create_optimiser, set_schedules


def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_sgd_and_adam_decay_everything(name):
    optimiser = create_optimiser(build(), settings=TrainingSettings(steps=1, optimiser=name, weight_decay=0.3))
    assert [group["weight_decay"] for group in optimiser.param_groups] == [0.3]
    assert len(optimiser.param_groups[0]["params"]) == 6


def test_adamw_spares_biases_and_norms():
    optimiser = create_optimiser(build(), settings=TrainingSettings(steps=1, optimiser="adamw", weight_decay=0.3))
    decayed, spared = optimiser.param_groups
    assert [p.ndim for p in decayed["params"]] == [4, 2]
    assert [p.ndim for p in spared["params"]] == [1, 1, 1, 1]
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.3, 0.0)


def test_frozen_parameters_are_left_out():
    module = build()
    module[0].requires_grad_(False)
    optimiser = create_optimiser(module, settings=TrainingSettings(steps=1))
    assert len(optimiser.param_groups[0]["params"]) == 4


def test_sgd_is_nesterov():
    settings = TrainingSettings(steps=1, optimiser="sgd", learning_rate=0.1, momentum=0.5, weight_decay=0)
    weight = nn.Parameter(torch.tensor([1.0]))
    module = nn.Module()
    module.weight = weight
    optimiser = create_optimiser(module, settings=settings)
    for _ in range(2):
        weight.grad = torch.tensor([1.0])
        optimiser.step()
    # Velocities 1 and 1.5; Nesterov steps 1 + 0.5 * 1 and 1 + 0.5 * 1.5.
    assert weight.item() == pytest.approx(1 - 0.1 * (1.5 + 1.75))


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_a_scale_multiplies_the_rate_of_its_parameters(name):
    module = build()
    settings = TrainingSettings(steps=1, optimiser=name, learning_rate=0.1)
    optimiser = create_optimiser(
        module, settings=settings, rate_scale=lambda parameter: 10.0 if parameter.startswith("3.") else 1.0
    )
    set_schedules(optimiser, learning_rate=0.2, weight_decay=0.3)
    rates = {id(value): group["lr"] for group in optimiser.param_groups for value in group["params"]}
    for parameter, value in module.named_parameters():
        assert rates[id(value)] == pytest.approx(2.0 if parameter.startswith("3.") else 0.2)
    decays = {id(value): group["weight_decay"] for group in optimiser.param_groups for value in group["params"]}
    spared = {id(value) for value in module.parameters() if name == "adamw" and value.ndim == 1}
    assert all(decays[place] == (0.0 if place in spared else 0.3) for place in decays)
