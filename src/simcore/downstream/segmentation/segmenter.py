"""DeepLabV3+ as a method of the training loop."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from simcore.downstream.segmentation.deeplab import DILATIONS, DeepLab
from simcore.downstream.segmentation.masks import CLASSES, IGNORED
from simcore.downstream.segmentation.pyramid import FeaturePyramid
from simcore.methods import Method, StepOutput

HEAD_RATE = 10.0
"""What the learning rate is multiplied by for everything but the encoder, in the paper's runs."""


class Segmenter(Method):
    """An encoder with a DeepLabV3+ head, trained by the cross-entropy of the pixels that count.

    A frozen encoder stays in evaluation mode: neither its weights nor the statistics of its batch norms move.

    Args:
        backbone: From `create_backbone` or `load_encoder`; its strides change, its weights only if it is not frozen.
        image_size: Side of the training views, in pixels.
        seed: Of the head's first weights.
        frozen: Whether the encoder stays as it is.
        output_stride: See `FeaturePyramid`.
        dilations: See `DeepLab`.
        head_rate: Factor of the learning rate of the head.

    Raises:
        InputError: The encoder has no pyramid of maps.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> method = Segmenter(create_backbone("resnet10_small"), image_size=32, seed=0)
        >>> masks = torch.randint(0, 2, (2, 32, 32))
        >>> method([torch.zeros(2, 3, 32, 32), masks]).loss.isfinite()
        tensor(True)
    """

    name: ClassVar[str] = "deeplabv3plus"

    def __init__(
        self,
        backbone: nn.Module,
        *,
        image_size: int,
        seed: int,
        frozen: bool = True,
        output_stride: int = 16,
        dilations: Sequence[int] = DILATIONS,
        head_rate: float = HEAD_RATE,
    ) -> None:
        super().__init__()
        self.frozen, self.dilations, self.head_rate = frozen, tuple(dilations), head_rate
        pyramid = FeaturePyramid(backbone, output_stride=output_stride, image_size=image_size)
        self.network = DeepLab(pyramid, classes=len(CLASSES), seed=seed, dilations=dilations)
        if frozen:
            backbone.requires_grad_(False)
        self.train()

    @property
    def view_counts(self) -> tuple[int, ...]:
        """One view, and its classes."""
        return (1, 1)

    @property
    def pyramid(self) -> FeaturePyramid:
        """The encoder's maps."""
        return self.network.pyramid

    @property
    def encoder(self) -> nn.Module:
        """The encoder, with dilations."""
        return self.pyramid.backbone

    @property
    def probed(self) -> nn.Module:
        """The whole network."""
        return self

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """What decides the training beside the settings."""
        return {
            "frozen": self.frozen,
            "output_stride": self.pyramid.output_stride,
            "dilations": list(self.dilations),
            "head_rate": self.head_rate,
        }

    def rate_scale(self, parameter: str) -> float:
        """Return `head_rate`; 1 for the encoder."""
        return 1.0 if "backbone." in parameter else self.head_rate

    def train(self, mode: bool = True) -> "Segmenter":
        """Set the mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.pyramid.eval()
        return self

    def predict(self, images: Tensor) -> Tensor:
        """Return the class of each pixel of normalised `images` `(n, 3, h, w)`, `(n, h, w)` uint8."""
        return self.network(images).argmax(dim=1).to(torch.uint8)

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of images `(n, 3, s, s)` and their classes `(n, s, s)`, `IGNORED` where none counts."""
        self._check_views(views)
        images, classes = views
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            maps = self.pyramid(images)
        scores = self.network.decode(maps, size=images.shape[-2:]).float()
        total = nn.functional.cross_entropy(scores, classes.long(), ignore_index=IGNORED, reduction="sum")
        # A batch in which nothing counts teaches nothing; the plain mean would be 0 / 0.
        loss = total / (classes != IGNORED).sum().clamp(min=1)
        return StepOutput(loss, maps[1].detach().float().mean(dim=(2, 3)))
