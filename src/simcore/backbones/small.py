"""A residual network for small images that trains on a CPU."""

from typing import Any

from timm.models.resnet import BasicBlock, ResNet
from torch import nn


def resnet10_small() -> nn.Module:
    """Return a ResNet-10 of 0.31 M parameters for images of about 28 to 64 pixels.

    The 7x7 stem with max-pool of the standard networks divides the sides by four before the first block,
    which leaves 7x7 positions of a 28-pixel image; here a 3x3 stem divides them by two.

    Example:
        >>> resnet10_small().num_features
        128
    """
    network: Any = ResNet(
        BasicBlock,  # type: ignore[arg-type] # timm annotates an instance
        (1, 1, 1, 1),
        channels=(16, 32, 64, 128),
        num_classes=0,
        # Only a "deep" stem can be narrower than 64; its three convolutions give way to one below.
        stem_type="deep",
        stem_width=8,
        zero_init_last=False,
    )
    stem = nn.Conv2d(3, 16, kernel_size=3, stride=2, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    network.conv1 = stem
    network.maxpool = nn.Identity()
    for info in network.feature_info[1:]:
        info["reduction"] //= 2
    return network
