"""Noise of the trained network, and none of it in the network it follows."""

import pytest
import torch
from timm.layers import DropPath

from simcore.methods import BYOL, DINO
from simcore.methods.stochastic import set_drop_path
from tests.methods.worlds import Means, small_vit


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_rate_rises_in_a_line_over_the_blocks(depth):
    network = small_vit(depth=depth)
    set_drop_path(network, rate=0.2)
    rates = [getattr(block.drop_path1, "drop_prob", 0.0) for block in network.blocks]
    assert rates == pytest.approx([0.2 * number / max(1, depth - 1) for number in range(depth)])
    set_drop_path(network, rate=0)
    assert not any(isinstance(layer, DropPath) for layer in network.modules())


@pytest.mark.parametrize(
    "make",
    [
        lambda backbone: BYOL(backbone, hidden_dim=8).target_backbone,
        lambda backbone: DINO(backbone, output_dim=8, hidden_dim=8).teacher_backbone,
    ],
    ids=["byol", "dino"],
)
def test_the_network_that_is_followed_has_no_noise(make):
    backbone = torch.nn.Sequential(Means(), torch.nn.Dropout(0.5), DropPath(0.5))
    backbone.num_features = 6
    target = make(backbone).train()
    images = torch.randn(16, 3, 4, 4)
    assert torch.equal(target(images), target(images))
    assert not torch.equal(backbone(images), backbone(images))
