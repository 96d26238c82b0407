"""Several layers at once are as good as one after the other, and a frozen encoder is frozen."""

import copy

import pytest
import torch
from torch import nn

from simcore.backbones import create_backbone
from simcore.errors import InputError
from simcore.supervised import Classifier


def backbone() -> nn.Module:
    return create_backbone("resnet10_small", image_size=16, seed=0)


def state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def batches(count: int) -> list[list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [
        [torch.randn(6, 3, 16, 16, generator=generator), torch.randint(0, 3, (6,), generator=generator)]
        for _ in range(count)
    ]


def train(method: Classifier, lots: list[list[torch.Tensor]]) -> Classifier:
    groups = [
        {"params": [parameter], "lr": 0.01 * method.rate_scale(name)}
        for name, parameter in method.named_parameters()
        if parameter.requires_grad
    ]
    optimiser = torch.optim.SGD(groups, lr=0.01, momentum=0.9, nesterov=True)
    for lot in lots:
        method(lot).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return method


@pytest.mark.parametrize("head", ["linear", "normalised"])
def test_rates_together_are_rates_alone(head) -> None:
    lots, rates = batches(5), (1.0, 3.16, 100.0)
    settings = {"class_count": 3, "seed": 2, "frozen": True, "head": head}
    together = train(Classifier(backbone(), **settings, rates=rates), lots)
    for number, rate in enumerate(rates):
        alone = train(Classifier(backbone(), **settings, rates=(rate,)), lots)
        torch.testing.assert_close(together.weights[number], alone.weights[0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(together.biases[number], alone.biases[0], rtol=1e-5, atol=1e-6)
        assert not torch.equal(alone.weights[0], Classifier(backbone(), **settings, rates=(rate,)).weights[0])


def test_a_frozen_encoder_keeps_weights_and_buffers_unless_its_norms_train() -> None:
    network = backbone()
    before = state(network)
    train(Classifier(network, class_count=3, seed=0, frozen=True), batches(3))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())

    train(Classifier(network, class_count=3, seed=0, frozen=True, batch_norm="train"), batches(3))
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all("running" in name or "num_batches" in name for name in changed)


def test_fine_tuning_moves_every_weight() -> None:
    network = backbone()
    before = state(network)
    train(Classifier(network, class_count=3, seed=0), batches(2))
    still = [name for name, value in network.named_parameters() if torch.equal(value, before[name])]
    assert not still


def test_the_value_of_the_loss_is_that_of_one_layer_and_its_gradient_that_of_all() -> None:
    several = Classifier(backbone(), class_count=3, seed=0, frozen=True, rates=(1.0, 2.0, 3.0))
    alone = Classifier(backbone(), class_count=3, seed=0, frozen=True)
    [lot] = batches(1)
    # Before the first step all layers are equal.
    assert several(lot).loss.item() == pytest.approx(alone(lot).loss.item())
    several(lot).loss.backward()
    alone(lot).loss.backward()
    for weight in several.weights:
        torch.testing.assert_close(weight.grad, alone.weights[0].grad)
    with torch.no_grad():
        several.weights[0].fill_(torch.nan)
        several.weights[2].mul_(3)
    losses = [nn.functional.cross_entropy(logits, lot[1]) for logits in several.logits(lot[0])[1:]]
    assert several(lot).loss.item() == pytest.approx(torch.stack(losses).mean().item())


def test_a_layer_that_diverged_is_left_behind() -> None:
    method = Classifier(backbone(), class_count=3, seed=0, frozen=True, rates=(1.0, 2.0))
    alone = copy.deepcopy(method)
    with torch.no_grad():
        method.weights[1].fill_(torch.nan)
    [lot] = batches(1)
    output = method(lot)
    output.loss.backward()
    assert torch.isfinite(output.loss)
    alone(lot).loss.backward()
    torch.testing.assert_close(method.weights[0].grad, alone.weights[0].grad)
    with torch.no_grad():
        method.weights[0].fill_(torch.nan)
    assert not torch.isfinite(method(lot).loss)


def test_wrong_settings() -> None:
    with pytest.raises(InputError, match="`rates` has 2 rates"):
        Classifier(backbone(), class_count=3, seed=0, rates=(1.0, 2.0))
    with pytest.raises(InputError, match="at least 2 classes"):
        Classifier(backbone(), class_count=1, seed=0)
    with pytest.raises(InputError, match=r"takes 1 \+ 1 views"):
        Classifier(backbone(), class_count=2, seed=0)([torch.zeros(2, 3, 16, 16)])
