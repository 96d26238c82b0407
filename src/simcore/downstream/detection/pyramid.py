"""Feature pyramids on encoders."""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from simcore.errors import InputError

LEVELS = 3
"""Maps of the encoder that a detector takes: strides 8, 16 and 32 of a ResNet."""

_PROBE = (128, 192)
_ANCHOR = 4
"""Side of the smallest anchor over the stride of its map: 32 pixels at stride 8."""


def find_levels(network: nn.Module) -> tuple[list[int], list[int], list[int]]:
    """Return number, channels and stride of the last `LEVELS` maps of `network` that have different sizes.

    They are found by passing a black image through it. Of several maps of one size the last counts. Costs one forward
    pass of 128 x 192 pixels.

    Args:
        network: From `simcore.backbones.create_backbone`.

    Raises:
        InputError: It gives no maps of so many sizes (transformers with one patch size), or takes one image size only.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> find_levels(create_backbone("resnet18"))
        ([2, 3, 4], [128, 256, 512], [8, 16, 32])
    """
    name = type(network).__name__
    if not hasattr(network, "forward_intermediates"):
        raise InputError(
            f"A {name} does not give its intermediate maps, which a detector is built on; choose a convolutional "
            "encoder, such as resnet50."
        )
    given: Any = network
    was_training, device = network.training, next(network.parameters()).device
    network.eval()
    try:
        with torch.no_grad():
            maps = given.forward_intermediates(torch.zeros(1, 3, *_PROBE, device=device), intermediates_only=True)
    except (AssertionError, RuntimeError, ValueError) as error:
        raise InputError(
            f"A {name} does not take images of other sizes than its own ({str(error).splitlines()[0].rstrip('.')}), "
            "as a detector needs; choose a convolutional encoder, such as resnet50."
        ) from error
    finally:
        network.train(was_training)
    last = {each.shape[-2:]: number for number, each in enumerate(maps)}
    numbers = sorted(last.values())[-LEVELS:]
    sizes = [maps[number].shape[-2] for number in numbers]
    if len(numbers) < LEVELS or sizes != sorted(sizes, reverse=True):
        raise InputError(
            f"A {name} gives maps of {len(last)} size(s), and a detector needs {LEVELS} that grow smaller; choose a "
            "convolutional encoder, such as resnet50 (transformers with one patch size have no pyramid)."
        )
    return numbers, [maps[number].shape[1] for number in numbers], [round(_PROBE[0] / size) for size in sizes]


class PyramidBackbone(nn.Module):
    """An encoder under a feature pyramid of five levels (Lin et al., 2017), as torchvision's RetinaNet takes it.

    The encoder is used as it is, under its own names of weights: nothing is copied that could be lost on the way.

    Args:
        body: The encoder.
        width: Channels of the pyramid; 256 in the paper.
        frozen: Whether no gradient reaches the encoder.
    """

    def __init__(self, body: nn.Module, *, width: int, frozen: bool) -> None:
        super().__init__()
        self.numbers, channels, self.strides = find_levels(body)
        self.body = body
        self.frozen = frozen
        self.fpn = FeaturePyramidNetwork(channels, width, extra_blocks=LastLevelP6P7(width, width))
        self.out_channels = width

    def anchors(self) -> AnchorGenerator:
        """Return the anchors of torchvision's RetinaNet: three sizes and three shapes a position, by the strides."""
        strides = [*self.strides, 2 * self.strides[-1], 4 * self.strides[-1]]
        sizes = tuple(tuple(int(_ANCHOR * stride * 2 ** (third / 3)) for third in range(3)) for stride in strides)
        return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))

    def forward(self, images: Tensor) -> "OrderedDict[str, Tensor]":
        """Return five maps `(n, width, h, w)` of `images` `(n, 3, h, w)`, the finest first."""
        body: Any = self.body
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            maps = body.forward_intermediates(images, indices=self.numbers, intermediates_only=True)
        result: OrderedDict[str, Tensor] = self.fpn(OrderedDict((str(n), each) for n, each in enumerate(maps)))
        return result
