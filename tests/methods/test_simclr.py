"""SimCLR against a slow statement of its loss."""

import math

import pytest
import torch

from simcore.backbones import create_backbone
from simcore.errors import InputError
from simcore.methods import SimCLR, create_method


def slow_nt_xent(left, right, *, temperature):
    """Equation 1 of Chen et al. 2020, written out for each of the 2n anchors."""
    vectors = [vector / vector.norm() for vector in (*left.double(), *right.double())]
    n = len(left)
    total = 0.0
    for i in range(2 * n):
        partner = (i + n) % (2 * n)
        negatives = sum(math.exp(float(vectors[i] @ vectors[m]) / temperature) for m in range(2 * n) if m != i)
        total -= math.log(math.exp(float(vectors[i] @ vectors[partner]) / temperature) / negatives)
    return total / (2 * n)


class Identity(torch.nn.Module):
    """A backbone that passes its input on."""

    num_features = 6

    def forward(self, pixels):
        return pixels.flatten(1)


@pytest.mark.parametrize("temperature", [0.07, 0.2, 1.0])
@pytest.mark.parametrize("n", [2, 3, 16])
def test_the_loss_is_nt_xent_of_the_projections(n, temperature):
    method = SimCLR(Identity(), temperature=temperature, projection_dim=4, seed=1)
    generator = torch.Generator().manual_seed(n)
    views = [torch.randn(n, 6, 1, 1, generator=generator) for _ in range(2)]
    with torch.no_grad():
        projections = [method.head(view.flatten(1)) for view in views]
    assert method.loss(views).item() == pytest.approx(slow_nt_xent(*projections, temperature=temperature), abs=1e-5)


def test_the_head_is_two_linear_layers_without_batch_norm():
    method = SimCLR(create_backbone("resnet10_small"))
    assert [type(layer).__name__ for layer in method.head] == ["Linear", "ReLU", "Linear"]
    assert [tuple(layer.weight.shape) for layer in method.head if hasattr(layer, "weight")] == [
        (128, 128),
        (128, 128),
    ]


def test_every_parameter_gets_a_gradient():
    method = SimCLR(create_backbone("resnet10_small"))
    method.loss([torch.randn(4, 3, 28, 28), torch.randn(4, 3, 28, 28)]).backward()
    assert [name for name, parameter in method.named_parameters() if not parameter.grad.abs().sum() > 0] == []


def test_the_features_are_those_of_the_first_view():
    method = SimCLR(create_backbone("resnet10_small")).eval()
    views = [torch.randn(3, 3, 28, 28), torch.randn(3, 3, 28, 28)]
    output = method(views)
    assert torch.allclose(output.features, method.encoder(views[0]), atol=1e-5)
    assert not output.features.requires_grad


def test_the_head_depends_on_its_seed_alone():
    torch.manual_seed(1)
    first = SimCLR(Identity(), seed=3).head[0].weight
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert torch.equal(SimCLR(Identity(), seed=3).head[0].weight, first)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(SimCLR(Identity(), seed=4).head[0].weight, first)


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match="`temperature` is 0"):
        SimCLR(Identity(), temperature=0)
    with pytest.raises(InputError, match="`projection_dim` is 0"):
        SimCLR(Identity(), projection_dim=0)
    with pytest.raises(InputError, match="3 were given"):
        SimCLR(Identity()).loss([torch.zeros(2, 6, 1, 1)] * 3)
    with pytest.raises(
        InputError, match=r"Unknown method `simklr`\. Choose one of byol, dino, ehns, ehns_m, hns, mae, simclr, swav"
    ):
        create_method("simklr", Identity())
    with pytest.raises(InputError, match="`simclr` has no setting `temprature`"):
        create_method("simclr", Identity(), temprature=0.1)


def test_the_state_is_backbone_and_head():
    # lightly's memory bank would add a pointer in uninitialised memory, other in each process.
    assert {key.split(".")[0] for key in SimCLR(create_backbone("resnet10_small")).state_dict()} == {"backbone", "head"}
