"""Two maps of an encoder: a fine one for edges and a coarse one for meaning."""

import logging
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from simcore.errors import InputError

logger = logging.getLogger(__name__)

FINE_STRIDE = 4
OUTPUT_STRIDES = (8, 16, 32)

_SMALLEST_PROBE = 64
_PROBE_UNIT = 32


@dataclass(frozen=True)
class _Passage:
    """A convolution or pooling as an image passed it: pixels of the image a step of its input and of its output."""

    layer: Any
    before: int
    after: int


class FeaturePyramid(nn.Module):
    """The fine and the coarse map of an encoder, by the encoder's own layers and weights.

    The fine map is the last one with at most 4 pixels of the image a position, the coarse map the last of all. Where
    that has more than `output_stride` pixels a position, the layers behind are dilated instead of strided: at the
    places that there were before, the map is the same to the last bit, and between them there are new ones.

    Args:
        backbone: From `create_backbone` or `load_encoder`; changed in place (strides and dilations, no weight).
        output_stride: 8, 16 or 32. A network that is finer by itself stays as it is.
        image_size: Side of the square input, in pixels.

    Raises:
        InputError: The network gives no maps at several sizes, as plain vision transformers, or cannot be dilated.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> pyramid = FeaturePyramid(create_backbone("resnet10_small"), output_stride=8, image_size=64)
        >>> [tuple(each.shape) for each in pyramid(torch.zeros(1, 3, 64, 64))]
        [(1, 32, 16, 16), (1, 128, 8, 8)]
    """

    def __init__(self, backbone: nn.Module, *, output_stride: int, image_size: int) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise InputError(f"`output_stride` is {output_stride}; allowed are 8, 16 and 32.")
        if image_size < output_stride:
            raise InputError(
                f"`image_size` is {image_size} pixels, less than one step of the coarse map, `output_stride` = "
                f"{output_stride}; use larger images, or a smaller `output_stride`."
            )
        self.backbone = backbone
        side = max(_SMALLEST_PROBE, -(-image_size // _PROBE_UNIT) * _PROBE_UNIT)
        maps, passages = _survey(backbone, side)
        strides = [round(side / each.shape[-1]) for each in maps]
        fine = [number for number, stride in enumerate(strides) if stride <= FINE_STRIDE]
        if not fine or strides[-1] <= strides[fine[-1]]:
            raise InputError(
                f"A {type(backbone).__name__} gives maps of {', '.join(map(str, sorted(set(strides))))} pixels a "
                "position; segmentation needs a fine map (4 pixels or less) and a coarser one, which vision "
                "transformers do not have: use a convolutional encoder, such as resnet50."
            )
        if strides[-1] > output_stride:
            _dilate(passages, output_stride)
            maps, _ = _survey(backbone, side)
            if round(side / maps[-1].shape[-1]) != output_stride:
                raise _undilatable(backbone, "it becomes coarser outside its convolutions")
        self.output_stride = min(strides[-1], output_stride)
        self.indices = [fine[-1], len(maps) - 1]
        self.fine_channels, self.coarse_channels = (int(maps[index].shape[1]) for index in self.indices)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fine and the coarse map of normalised `images` `(n, 3, s, s)`."""
        fine, coarse = self.backbone.forward_intermediates(  # type: ignore[operator] # checked above
            images, indices=self.indices, intermediates_only=True
        )
        return fine, coarse


def _survey(backbone: nn.Module, side: int) -> tuple[list[Tensor], list[_Passage]]:
    """Return all maps of an empty image, and the layers it passed, in their order."""
    network: Any = backbone
    if not hasattr(network, "forward_intermediates"):
        raise InputError(
            f"A {type(backbone).__name__} does not tell its maps, which segmentation needs; use another encoder, such "
            "as resnet50."
        )
    passages: list[_Passage] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        passages.append(_Passage(layer, round(side / inputs[0].shape[-1]), round(side / output.shape[-1])))

    hooks = [
        layer.register_forward_hook(note)
        for layer in backbone.modules()
        if isinstance(layer, nn.Conv2d | nn.AvgPool2d | nn.MaxPool2d)
    ]
    was_training = backbone.training
    parameter = next(backbone.parameters())
    backbone.eval()
    try:
        with torch.no_grad():
            maps = network.forward_intermediates(
                torch.zeros(1, 3, side, side, device=parameter.device, dtype=parameter.dtype), intermediates_only=True
            )
    finally:
        backbone.train(was_training)
        for hook in hooks:
            hook.remove()
    return list(maps), passages


def _dilate(passages: list[_Passage], output_stride: int) -> None:
    """Keep the maps at `output_stride`: what was strided beyond is not any more, what follows is dilated.

    A strided convolution reads the map before it, so its own dilation is that of its input; this is what keeps the
    values at the old places (DeepLab's atrous convolution).
    """
    for passage in passages:
        layer = passage.layer
        strided = passage.after > output_stride and passage.after > passage.before
        factor = max(1, passage.before // output_stride)
        if not isinstance(layer, nn.Conv2d):
            if strided:
                raise _undilatable(layer, "it pools between its blocks")
            continue
        if not strided and (factor == 1 or layer.kernel_size == (1, 1)):
            continue
        centred = tuple(
            dilation * (size // 2) for dilation, size in zip(layer.dilation, layer.kernel_size, strict=True)
        )
        if layer.padding != centred or any(size % 2 == 0 for size in layer.kernel_size):
            raise _undilatable(layer, f"it has a {layer.kernel_size[0]}x{layer.kernel_size[1]} kernel without a centre")
        if strided:
            layer.stride = (1, 1)
        if layer.kernel_size != (1, 1):
            layer.dilation = tuple(factor * each for each in layer.dilation)
            layer.padding = tuple(factor * int(each) for each in layer.padding)


def _undilatable(network: nn.Module, reason: str) -> InputError:
    return InputError(
        f"The encoder cannot be kept at this `output_stride` ({type(network).__name__}: {reason}); set "
        "`output_stride` to 32, or use a ResNet."
    )
