"""DeepLabV3+ on an encoder's pyramid."""

from collections.abc import Sequence

import torch
from segmentation_models_pytorch.base import SegmentationHead  # type: ignore[import-untyped]
from segmentation_models_pytorch.base.initialization import (  # type: ignore[import-untyped]
    initialize_decoder,
    initialize_head,
)
from segmentation_models_pytorch.decoders.deeplabv3.decoder import ASPP  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.nn.functional import interpolate

from simcore.downstream.segmentation.pyramid import FeaturePyramid

DILATIONS = (6, 12, 18)
_CHANNELS, _FINE_CHANNELS = 256, 48
_ASPP_DROPOUT, _FIRST_DROPOUT, _SECOND_DROPOUT = 0.5, 0.5, 0.1


class DeepLab(nn.Module):
    """Class scores of every pixel: atrous spatial pyramid pooling of the coarse map, refined by the fine one.

    Chen et al., ECCV 2018, with the widths of the SimCore paper (appendix B.5): 256 channels at dilations 1 and
    `dilations` and of the whole image, dropout 0.5; 48 channels of the fine map; two plain 3x3 convolutions of 256 with
    dropout 0.5 and 0.1. Pooling, head and first weights are those of segmentation_models_pytorch; its decoder, which
    has one separable convolution in place of the two, and its encoders are not.

    In training mode batch norm over the pooled image needs two images.

    Args:
        pyramid: The encoder's maps.
        classes: Scores a pixel.
        dilations: Three, in steps of the coarse map.
        seed: Of the weights; PyTorch's generator is left as it was.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> pyramid = FeaturePyramid(create_backbone("resnet10_small"), output_stride=16, image_size=28)
        >>> DeepLab(pyramid, classes=2, seed=0).eval()(torch.zeros(1, 3, 28, 28)).shape
        torch.Size([1, 2, 28, 28])
    """

    def __init__(
        self, pyramid: FeaturePyramid, *, classes: int, seed: int, dilations: Sequence[int] = DILATIONS
    ) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.pyramid = pyramid
            self.aspp = ASPP(
                pyramid.coarse_channels, _CHANNELS, tuple(dilations), separable=False, dropout=_ASPP_DROPOUT
            )
            self.narrow = _convolve(pyramid.fine_channels, _FINE_CHANNELS, kernel=1)
            self.decoder = nn.Sequential(
                _convolve(_CHANNELS + _FINE_CHANNELS, _CHANNELS, kernel=3),
                nn.Dropout(_FIRST_DROPOUT),
                _convolve(_CHANNELS, _CHANNELS, kernel=3),
                nn.Dropout(_SECOND_DROPOUT),
            )
            self.head = SegmentationHead(_CHANNELS, classes, kernel_size=1)
            for part in (self.aspp, self.narrow, self.decoder):
                initialize_decoder(part)
            initialize_head(self.head)

    def forward(self, images: Tensor) -> Tensor:
        """Return scores `(n, classes, h, w)` of normalised `images` `(n, 3, h, w)`."""
        return self.decode(self.pyramid(images), size=images.shape[-2:])

    def decode(self, maps: tuple[Tensor, Tensor], *, size: Sequence[int]) -> Tensor:
        """Return scores `(n, classes, *size)` from the fine and the coarse map."""
        fine, coarse = maps
        wide = _enlarge(self.aspp(coarse), fine.shape[-2:])
        scores = self.head(self.decoder(torch.cat([wide, self.narrow(fine)], dim=1)))
        return _enlarge(scores, size)


def _enlarge(maps: Tensor, size: Sequence[int]) -> Tensor:
    return interpolate(maps, size=tuple(size), mode="bilinear", align_corners=True)


def _convolve(given: int, made: int, *, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(given, made, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(made), nn.ReLU(inplace=True)
    )
