"""Stochastic depth of the network that is trained, and none of it in the network that it follows."""

from timm.layers import DropPath
from torch import nn


def set_drop_path(network: nn.Module, *, rate: float) -> None:
    """Give the transformer blocks of `network` stochastic depth that rises in a line from 0 to `rate`, in place.

    lightly's `update_drop_path_rate` gives every block but the first the full rate. Networks whose blocks are
    no transformer's (without `drop_path1` and `drop_path2`) are left as they are.

    Example:
        >>> import timm
        >>> network = timm.create_model("vit_tiny_patch16_224", depth=3, num_classes=0)
        >>> set_drop_path(network, rate=0.1)
        >>> [block.drop_path2 for block in network.blocks]
        [Identity(), DropPath(drop_prob=0.050), DropPath(drop_prob=0.100)]
    """
    blocks = [block for block in network.modules() if hasattr(block, "drop_path1") and hasattr(block, "drop_path2")]
    for number, block in enumerate(blocks):
        own = rate * number / max(1, len(blocks) - 1)
        block.drop_path1, block.drop_path2 = (DropPath(own) if own else nn.Identity() for _ in range(2))


def remove_noise(network: nn.Module) -> None:
    """Switch off stochastic depth and dropout of a network that stays in training mode, in place.

    A momentum network states what the trained one is to predict: it is asked without noise.

    Example:
        >>> network = nn.Sequential(nn.Dropout(0.2), DropPath(0.2))
        >>> remove_noise(network)
        >>> network
        Sequential(
          (0): Dropout(p=0.0, inplace=False)
          (1): DropPath(drop_prob=0.000)
        )
    """
    for layer in network.modules():
        if isinstance(layer, DropPath):
            layer.drop_prob = 0.0
        elif isinstance(layer, nn.Dropout):
            layer.p = 0.0
