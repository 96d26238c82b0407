"""Encoder networks by name."""

import pytest
import timm
import torch
import torchvision

from simcore.backbones import (
    check_backbone,
    create_backbone,
    feature_dim,
    list_backbones,
    patch_size,
    timm_arguments,
)
from simcore.errors import InputError
from tests.backbones.weights import images

DIMS = {
    "resnet10_small": 128,
    "resnet18": 512,
    "resnet50": 2048,
    "resnet101": 2048,
    "resnext50": 2048,
    "efficientnet_b0": 1280,
    "vit_tiny_16": 192,
    "vit_base_16": 768,
    "vit_tiny_4": 192,
}
PATCHES = {"vit_tiny_16": 16, "vit_base_16": 16, "vit_tiny_4": 4}


def test_every_registered_encoder_is_tested_here():
    assert sorted(DIMS) == list_backbones()


@pytest.mark.parametrize("name", DIMS)
def test_features_at_small_sizes(name):
    """One network per size: transformers are built for theirs."""
    for size in (28, 32, 64):
        if size % PATCHES.get(name, 1):
            with pytest.raises(InputError, match="do not divide `image_size`=28; nearest allowed: 16 or 32"):
                create_backbone(name, image_size=size)
            continue
        network = create_backbone(name, image_size=size).eval()
        assert feature_dim(network) == DIMS[name]
        with torch.no_grad():
            features = network(images(size))
        assert features.shape == (2, DIMS[name])
        assert not torch.equal(features[0], features[1])


@pytest.mark.parametrize("name", DIMS)
def test_features_at_the_standard_size(name):
    network = create_backbone(name).eval()
    with torch.no_grad():
        assert network(images(224, n=1)).shape == (1, DIMS[name])


@pytest.mark.parametrize(
    ("name", "size", "dim"),
    [
        ("timm:resnet18", 32, 512),
        ("timm:resnet18.a1_in1k", 32, 512),
        ("timm:vit_tiny_patch16_224", 32, 192),
        ("timm:deit_tiny_distilled_patch16_224", 32, 192),
        ("timm:mobilenetv3_small_050", 64, 1024),
        ("random:resnet18", 32, 512),
        ("random:timm:vit_tiny_patch16_224", 48, 192),
    ],
)
def test_any_model_of_timm_can_be_named(name, size, dim):
    network = create_backbone(name, image_size=size).eval()
    assert feature_dim(network) == dim
    with torch.no_grad():
        assert network(images(size)).shape == (2, dim)


@pytest.mark.parametrize(("name", "size"), [("vit_tiny_16", 64), ("vit_tiny_4", 28), ("timm:vit_tiny_patch16_224", 64)])
def test_transformers_take_views_of_other_sizes(name, size):
    """The class token after the final norm, from a position embedding resampled to the grid of the view."""
    network = create_backbone(name, image_size=size).eval()
    side = patch_size(name)
    view = images(size - side)
    with torch.no_grad():
        features = network(view)
        tokens = network.patch_embed(view).flatten(1, 2)
        grid = size // side
        positions = network.pos_embed[:, 1:].reshape(1, grid, grid, -1).permute(0, 3, 1, 2)
        smaller = torch.nn.functional.interpolate(positions, size=(grid - 1, grid - 1), mode="bicubic", antialias=True)
        rows = torch.cat([network.cls_token.expand(2, -1, -1), tokens], dim=1)
        rows = rows + torch.cat([network.pos_embed[:, :1], smaller.flatten(2).transpose(1, 2)], dim=1)
        expected = network.norm(network.blocks(rows))[:, 0]
    assert network.pos_embed.requires_grad
    assert torch.allclose(features, expected, atol=1e-5)


def test_patch_sizes():
    assert {name: patch_size(name) for name in DIMS} == {name: PATCHES.get(name) for name in DIMS}
    others = [
        "timm:vit_base_patch32_224",
        "timm:vit_small_patch14_dinov2",
        "timm:convnext_tiny",
        "timm:vit_base_r50_s16_384",
    ]
    assert [patch_size(name) for name in others] == [32, 14, None, 16]
    assert patch_size("random:vit_tiny_4") == 4
    with pytest.raises(InputError, match="Unknown encoder `resnet19`"):
        patch_size("resnet19")


def test_a_description_of_a_large_model_builds_no_weights(monkeypatch):
    devices = set()
    original = timm.create_model

    def spy(*arguments, **settings):
        network = original(*arguments, **settings)
        devices.update(parameter.device.type for parameter in network.parameters())
        return network

    monkeypatch.setattr(timm, "create_model", spy)
    assert patch_size("timm:vit_giant_patch14_224") == 14
    assert devices == {"meta"}


@pytest.mark.parametrize("name", ["vit_tiny_16", "timm:vit_tiny_patch16_224", "random:vit_base_16"])
def test_a_size_is_checked_before_anything_is_built(name, monkeypatch):
    patch_size(name)
    monkeypatch.setattr(timm, "create_model", None)
    check_backbone(name, image_size=32)
    with pytest.raises(InputError, match=r"16x16 pixels.*nearest allowed: 32 or 48 \(any multiple of 16\)"):
        check_backbone(name, image_size=33)
    with pytest.raises(InputError, match=r"nearest allowed: 16 \(any"):
        check_backbone(name, image_size=9)
    with pytest.raises(InputError, match="`image_size` is -1"):
        check_backbone(name, image_size=-1)


def test_the_arguments_for_timm_build_the_same_network():
    arguments = timm_arguments("vit_tiny_4", image_size=28)
    theirs = timm.create_model(**arguments)
    theirs.load_state_dict(create_backbone("vit_tiny_4", image_size=28).state_dict(), strict=True)
    with pytest.raises(InputError, match=r"timm has no `resnet10_small`.*Encoder\.load"):
        timm_arguments("resnet10_small", image_size=28)


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
    for name in ("resnet18", "efficientnet_b0", "vit_tiny_16", "timm:resnet18", "timm:vit_tiny_patch16_224"):
        create_backbone(name, image_size=32)
    assert len(asked) >= 5
    assert not any(asked)


@pytest.mark.parametrize("name", ["resnet19", "random:", "", "timm"])
def test_an_unknown_name_lists_what_exists(name):
    with pytest.raises(InputError) as caught:
        create_backbone(name)
    assert all(known in str(caught.value) for known in [*list_backbones(), "timm:<name>"])


def test_an_unknown_timm_name_points_to_near_ones():
    with pytest.raises(InputError, match=r"no model `resnet1`.*resnet10"):
        create_backbone("timm:resnet1")


def test_a_size_must_be_positive():
    with pytest.raises(InputError, match="`image_size` is 0"):
        create_backbone("resnet18", image_size=0)
