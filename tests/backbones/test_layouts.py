"""Twins: torchvision's networks and ours give the same features from the same file."""

import pytest
import torch
import torchvision
from torch import nn

from simcore.backbones import create_backbone
from simcore.backbones.fitting import fit_weights
from tests.backbones.weights import images, shake


def small_torchvision_vit():
    """torchvision's class in the sizes of `vit_tiny_4`."""
    network = torchvision.models.VisionTransformer(
        image_size=32, patch_size=4, num_layers=12, num_heads=3, hidden_dim=192, mlp_dim=768
    )
    nn.init.normal_(network.class_token, std=0.1)
    return network


TWINS = {
    "resnet18": (torchvision.models.resnet18, "fc"),
    "resnet50": (torchvision.models.resnet50, "fc"),
    "resnet101": (torchvision.models.resnet101, "fc"),
    "resnext50": (torchvision.models.resnext50_32x4d, "fc"),
    "efficientnet_b0": (torchvision.models.efficientnet_b0, "classifier"),
    "timm:efficientnet_b2": (torchvision.models.efficientnet_b2, "classifier"),
    "vit_tiny_4": (small_torchvision_vit, "heads"),
}


def translated(name, theirs, *, size, prefix=""):
    ours = create_backbone(name, image_size=size, seed=9)
    state = {prefix + key: value for key, value in theirs.state_dict().items()}
    remarks = fit_weights(ours, state, source="torchvision", architecture=name)
    return ours.eval(), remarks


@pytest.mark.parametrize("name", TWINS)
def test_features_equal_torchvisions_from_the_same_weights(name):
    torch.manual_seed(0)
    build, classifier = TWINS[name]
    theirs = shake(build())
    ours, remarks = translated(name, theirs, size=32)
    setattr(theirs, classifier, nn.Identity())
    with torch.no_grad():
        expected = theirs(images(32))
        assert torch.allclose(ours(images(32)), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
    assert any(f"left out {classifier}." in remark for remark in remarks)


@pytest.mark.parametrize("name", ["efficientnet_b0", "vit_tiny_4"])
def test_torchvisions_names_are_found_in_a_wrapper(name):
    torch.manual_seed(0)
    theirs = TWINS[name][0]().eval()
    plain, _ = translated(name, theirs, size=32)
    wrapped, remarks = translated(name, theirs, size=32, prefix="module.encoder.")
    assert "names without `module.encoder.`" in remarks
    assert all(torch.equal(value, wrapped.state_dict()[key]) for key, value in plain.state_dict().items())


def test_a_resnet_in_a_sequential_is_recognised():
    """`nn.Sequential(*list(resnet.children())[:-1])` names its layers by number."""
    torch.manual_seed(0)
    theirs = shake(torchvision.models.resnet18())
    backbone = nn.ModuleDict({"backbone": nn.Sequential(*list(theirs.children())[:-1])})
    ours, remarks = translated("resnet18", backbone, size=32)
    theirs.fc = nn.Identity()
    with torch.no_grad():
        assert torch.allclose(ours(images(32)), theirs(images(32)), atol=1e-5)
    assert remarks == ["names without `backbone.`", "names translated from a ResNet's children by number"]


def test_efficientnet_starts_as_torchvisions():
    """Equal spread of the first weights, layer by layer: timm would draw depthwise convolutions wider."""
    torch.manual_seed(0)
    theirs, _ = translated("efficientnet_b0", torchvision.models.efficientnet_b0(), size=32)
    ours = create_backbone("efficientnet_b0", seed=1)
    for (key, a), (_, b) in zip(theirs.named_parameters(), ours.named_parameters(), strict=True):
        if a.ndim > 1 and a.numel() > 500:
            assert b.detach().std().item() == pytest.approx(a.detach().std().item(), rel=0.2), key


def test_efficientnet_drops_paths_as_torchvisions():
    theirs = torchvision.models.efficientnet_b0()
    expected = [block.stochastic_depth.p for stage in theirs.features[1:-1] for block in stage]
    blocks = [block for stage in create_backbone("efficientnet_b0").blocks for block in stage]
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for block in blocks]
    assert rates == pytest.approx(expected)
    assert max(rates) > 0.15
