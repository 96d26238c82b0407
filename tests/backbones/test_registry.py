"""Encoder networks by name."""

import pytest
import timm
import torch
import torchvision

from simcore.backbones import create_backbone, feature_dim, list_backbones
from simcore.errors import InputError


@pytest.mark.parametrize(
    ("name", "size", "dim"),
    [
        ("resnet10_small", 28, 128),
        ("resnet10_small", 64, 128),
        ("resnet18", 32, 512),
        ("resnet50", 32, 2048),
        ("timm:resnet18", 32, 512),
        ("timm:vit_tiny_patch16_224", 32, 192),
        ("timm:efficientnet_b0", 64, 1280),
        ("random:resnet18", 32, 512),
        ("random:timm:vit_tiny_patch16_224", 48, 192),
    ],
)
def test_features_have_the_declared_length(name, size, dim):
    network = create_backbone(name, image_size=size).eval()
    assert feature_dim(network) == dim
    with torch.no_grad():
        assert network(torch.randn(2, 3, size, size)).shape == (2, dim)


def test_the_small_encoder_is_small():
    parameters = sum(parameter.numel() for parameter in create_backbone("resnet10_small").parameters())
    assert 0.3e6 < parameters < 0.5e6


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_standard_resnets_are_torchvisions(name):
    """Equal keys, shapes and function: torchvision's weights load as they are."""
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, name)(weights=None).eval()
    ours = create_backbone(name).eval()
    state = {key: value for key, value in theirs.state_dict().items() if not key.startswith("fc.")}
    ours.load_state_dict(state, strict=True)
    theirs.fc = torch.nn.Identity()
    pixels = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(ours(pixels), theirs(pixels), atol=1e-5)


def test_standard_resnets_start_as_torchvisions():
    """No batch norm at zero: a block is not the identity at the start."""
    network = create_backbone("resnet18")
    assert all((m.weight == 1).all() for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))


def test_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = create_backbone("resnet10_small", seed=5).state_dict()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = create_backbone("resnet10_small", seed=5).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = create_backbone("resnet10_small", seed=6).state_dict()
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


def test_timm_is_never_asked_for_pretrained_weights(monkeypatch):
    asked = []
    original = timm.create_model

    def spy(*arguments, **settings):
        asked.append(settings["pretrained"])
        return original(*arguments, **settings)

    monkeypatch.setattr(timm, "create_model", spy)
    for name in ("resnet18", "resnet50", "timm:resnet18"):
        create_backbone(name, image_size=32)
    assert asked == [False, False, False]


@pytest.mark.parametrize("name", ["resnet19", "random:", "", "timm"])
def test_an_unknown_name_lists_what_exists(name):
    with pytest.raises(InputError) as caught:
        create_backbone(name)
    assert all(known in str(caught.value) for known in [*list_backbones(), "timm:<name>"])


def test_an_unknown_timm_name_points_to_near_ones():
    with pytest.raises(InputError, match=r"no model `resnet1`.*resnet10"):
        create_backbone("timm:resnet1")


@pytest.mark.parametrize("size", [28, 30, 225])
def test_patches_must_divide_the_image(size):
    with pytest.raises(InputError, match=r"16x16.*Choose a multiple of 16"):
        create_backbone("timm:vit_tiny_patch16_224", image_size=size)


def test_a_size_must_be_positive():
    with pytest.raises(InputError, match="`image_size` is 0"):
        create_backbone("resnet18", image_size=0)
