"""The maps are the encoder's own, dilated or not."""

import copy

import pytest
import timm
import torch
from torch import nn

from simcore.backbones import create_backbone
from simcore.downstream.segmentation import FeaturePyramid
from simcore.errors import InputError


def eval_backbone(name: str, size: int) -> nn.Module:
    network = create_backbone(name, image_size=size, seed=0).eval()
    generator = torch.Generator().manual_seed(0)
    for layer in network.modules():  # statistics as after a training, so that a wrong norm would show
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.2, 0.2, generator=generator)
            layer.running_var.uniform_(0.5, 2.0, generator=generator)
    return network


@pytest.mark.parametrize(
    "name", ["resnet10_small", "resnet18", "timm:resnet18d", "efficientnet_b0", "timm:regnetx_002"]
)
def test_the_coarse_map_is_what_the_encoder_pools(name) -> None:
    network = eval_backbone(name, 64)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    pyramid = FeaturePyramid(copy.deepcopy(network), output_stride=32, image_size=64).eval()
    with torch.no_grad():
        fine, coarse = pyramid(images)
        assert fine.shape[-1] == 16
        if name != "efficientnet_b0":  # which widens the map by another layer before it pools
            torch.testing.assert_close(coarse.mean(dim=(2, 3)), network(images))
        else:
            torch.testing.assert_close(coarse, network.forward_intermediates(images, intermediates_only=True)[-1])


@pytest.mark.parametrize(
    ("name", "output_stride"),
    [("resnet18", 16), ("resnet18", 8), ("resnet10_small", 8), ("efficientnet_b0", 16), ("timm:resnet26", 8)],
)
def test_dilation_keeps_the_values_and_adds_places_between(name, output_stride) -> None:
    network = eval_backbone(name, 64)
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = network.forward_intermediates(images, intermediates_only=True)[-1]
        pyramid = FeaturePyramid(copy.deepcopy(network), output_stride=output_stride, image_size=64).eval()
        _, coarse = pyramid(images)
    assert coarse.shape[-1] == 64 // output_stride
    step = coarse.shape[-1] // before.shape[-1]
    assert step > 1
    torch.testing.assert_close(coarse[..., ::step, ::step], before)


@pytest.mark.parametrize("output_stride", [8, 16])
def test_dilation_is_that_of_timm(output_stride) -> None:
    network = eval_backbone("resnet50", 64)
    twin = timm.create_model("resnet50", num_classes=0, output_stride=output_stride).eval()
    twin.load_state_dict(network.state_dict(), strict=True)
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        fine, coarse = FeaturePyramid(network, output_stride=output_stride, image_size=64).eval()(images)
        maps = twin.forward_intermediates(images, intermediates_only=True)
    torch.testing.assert_close(coarse, maps[-1])
    torch.testing.assert_close(fine, maps[1])


@pytest.mark.parametrize("name", ["vit_tiny_4", "vit_tiny_16"])
def test_vision_transformers_are_refused(name) -> None:
    with pytest.raises(InputError, match="vision transformers do not have: use a convolutional encoder"):
        FeaturePyramid(create_backbone(name, image_size=32), output_stride=16, image_size=32)


def test_what_cannot_be_dilated_is_refused_and_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"it pools between its blocks.; set `output_stride` to 32"):
        FeaturePyramid(create_backbone("timm:resnet18d"), output_stride=16, image_size=64)
    with pytest.raises(InputError, match="2x2 kernel without a centre"):
        FeaturePyramid(create_backbone("timm:convnext_atto"), output_stride=16, image_size=64)
    FeaturePyramid(create_backbone("timm:convnext_atto"), output_stride=32, image_size=64)


def test_wrong_sizes() -> None:
    network = create_backbone("resnet10_small")
    with pytest.raises(InputError, match="`output_stride` is 4; allowed are 8, 16 and 32"):
        FeaturePyramid(network, output_stride=4, image_size=32)
    with pytest.raises(InputError, match="`image_size` is 12 pixels, less than one step of the coarse map"):
        FeaturePyramid(network, output_stride=16, image_size=12)
    with pytest.raises(InputError, match="A Linear does not tell its maps"):
        FeaturePyramid(nn.Linear(1, 1), output_stride=16, image_size=32)
