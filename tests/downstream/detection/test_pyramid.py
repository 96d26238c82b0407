"""The maps of a detector are those of the encoder itself; what has no pyramid is refused."""

import pytest
import torch

from simcore.backbones import create_backbone
from simcore.downstream.detection.pyramid import PyramidBackbone, find_levels
from simcore.errors import InputError


@pytest.mark.parametrize(
    ("name", "channels", "strides"),
    [
        ("resnet10_small", [32, 64, 128], [4, 8, 16]),
        ("resnet18", [128, 256, 512], [8, 16, 32]),
        ("efficientnet_b0", [40, 112, 320], [8, 16, 32]),
        ("timm:convnext_atto", [80, 160, 320], [8, 16, 32]),
    ],
)
def test_levels_of_convolutional_encoders(name, channels, strides) -> None:
    assert find_levels(create_backbone(name))[1:] == (channels, strides)


@pytest.mark.parametrize("name", ["resnet10_small", "resnet18"])
def test_the_last_map_pooled_is_the_encoders_output(name) -> None:
    network = create_backbone(name).eval()
    numbers, *_ = find_levels(network)
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        maps = network.forward_intermediates(images, indices=numbers, intermediates_only=True)
        torch.testing.assert_close(maps[-1].mean(dim=(2, 3)), network(images))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vit_tiny_16", r"A VisionTransformer gives maps of 1 size\(s\), and a detector needs 3"),
        ("timm:swin_tiny_patch4_window7_224", "A SwinTransformer does not take images of other sizes than its own"),
    ],
)
def test_what_has_no_pyramid_is_refused(name, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        find_levels(create_backbone(name))
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="A Linear does not give its intermediate maps"):
        find_levels(torch.nn.Linear(2, 2))


def test_looking_for_levels_leaves_no_trace() -> None:
    network = create_backbone("resnet10_small").train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    find_levels(network)
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_five_levels_with_torchvisions_anchors() -> None:
    pyramid = PyramidBackbone(create_backbone("resnet18"), width=8, frozen=True)
    maps = pyramid(torch.zeros(1, 3, 128, 192))
    assert [tuple(each.shape[1:]) for each in maps.values()] == [
        (8, 16, 24),
        (8, 8, 12),
        (8, 4, 6),
        (8, 2, 3),
        (8, 1, 2),
    ]
    from torchvision.models.detection.retinanet import _default_anchorgen

    assert pyramid.anchors().sizes == _default_anchorgen().sizes
