"""RetinaNet on an encoder, as a method of the training loop."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torchvision.models.detection import RetinaNet
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import nms

from simcore.downstream.detection.pyramid import LEVELS, PyramidBackbone
from simcore.errors import InputError
from simcore.methods import Method, StepOutput
from simcore.methods.weights import seeded_weights


class _Batching(GeneralizedRCNNTransform):
    """Only pads images to a common size: they come normalised and in their size."""

    def normalize(self, image: Tensor) -> Tensor:
        return image

    def resize(self, image: Tensor, target: Any = None) -> Any:
        return image, target


class Detector(Method):
    """torchvision's RetinaNet (Lin et al., 2017) with an encoder for its body; pyramid and heads start from scratch.

    A frozen encoder is in evaluation mode and gets no gradient: its weights and buffers stay as they are.

    Args:
        backbone: A convolutional encoder. Trained in place unless frozen.
        class_count: Classes of the data; their numbers are 0 to `class_count` - 1.
        seed: Of the initial weights.
        frozen: Whether the encoder stays as it is.
        width: Channels of pyramid and heads; 256 in torchvision, whose first weights are drawn for that: a narrow
            detector learns slowly at first.
        nms_iou: Of two found boxes that overlap more, whatever their classes, the less certain one is dropped: 0.2 in
            the SimCore paper's code, after the suppression within each class at 0.5 that torchvision does.
        least_score: Found boxes below are dropped.

    Raises:
        InputError: There is no class, or the encoder has no pyramid of maps.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> backbone = create_backbone("resnet10_small", image_size=32)
        >>> detector = Detector(backbone, class_count=2, seed=0, width=16)
        >>> image, boxes = torch.zeros(2, 3, 48, 48), torch.tensor([[[4.0, 4, 20, 20, 1]]]).expand(2, 1, 5)
        >>> detector.loss([image, boxes, torch.full((2, 2), 48)]).shape
        torch.Size([])
    """

    name: ClassVar[str] = "retinanet"

    def __init__(
        self,
        backbone: nn.Module,
        *,
        class_count: int,
        seed: int,
        frozen: bool = True,
        width: int = 256,
        nms_iou: float = 0.2,
        least_score: float = 0.05,
    ) -> None:
        super().__init__()
        if class_count < 1:
            raise InputError(f"`class_count` is {class_count}; a detector needs at least one class.")
        self.class_count, self.frozen, self.width = class_count, frozen, width
        self.nms_iou, self.least_score = nms_iou, least_score
        with seeded_weights(seed):
            pyramid = PyramidBackbone(backbone, width=width, frozen=frozen)
            self.model = RetinaNet(
                pyramid, class_count, anchor_generator=pyramid.anchors(), score_thresh=least_score, nms_thresh=0.5
            )
        self.model.transform = _Batching(1, 1, [0.0] * 3, [1.0] * 3)
        if frozen:
            backbone.requires_grad_(False)
        self._losses: dict[str, Tensor] = {}
        self.train()

    @property
    def view_counts(self) -> tuple[int, ...]:
        """One view, its boxes, its size."""
        return (1, 1, 1)

    @property
    def encoder(self) -> nn.Module:
        """The encoder."""
        return self._pyramid.body

    @property
    def probed(self) -> nn.Module:
        """The detector as a whole."""
        return self

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """What decides the training beside the settings."""
        return {"frozen": self.frozen, "width": self.width, "class_count": self.class_count}

    @property
    def _pyramid(self) -> PyramidBackbone:
        pyramid: PyramidBackbone = self.model.backbone
        return pyramid

    def train(self, mode: bool = True) -> "Detector":
        """Set the mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def curves(self) -> dict[str, float]:
        """Return the two parts of the last loss."""
        return {f"loss_{name}": float(value) for name, value in self._losses.items()}

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of a batch: focal loss of the classes plus L1 loss of the boxes.

        Args:
            views: Images `(n, 3, s, s)`, normalised; boxes `(n, m, 5)`, rows below 0 being none; heights and widths of
                the images `(n, 2)` in pixels, what lies beyond being ignored.
        """
        self._check_views(views)
        pixels, boxes, sizes = views
        images = [image[:, :height, :width] for image, (height, width) in zip(pixels, sizes.tolist(), strict=True)]
        targets = [
            {"boxes": each[:, :4], "labels": each[:, 4].long()} for each in (rows[rows[:, 4] >= 0] for rows in boxes)
        ]
        batch, targets = self.model.transform(images, targets)
        # In single precision: half of it is too coarse for anchors and for what boxes are told from.
        maps = list(self.model.backbone(batch.tensors).values())
        found = {name: value.float() for name, value in self.model.head(maps).items()}
        anchors = self.model.anchor_generator(batch, [each.float() for each in maps])
        losses = self.model.compute_loss(targets, found, anchors)
        self._losses = {name: value.detach() for name, value in losses.items()}
        return StepOutput(sum(losses.values(), torch.zeros_like(losses["classification"])), _pooled(maps))

    @torch.no_grad()
    def find(self, images: Sequence[Tensor]) -> list[dict[str, Tensor]]:
        """Return what is found in each of normalised `images` `(3, h, w)`, in evaluation mode, most certain first.

        Returns:
            `boxes` `(k, 4)` float32 in pixels, `scores` `(k,)` and `labels` `(k,)` int64 of each image.
        """
        was_training = self.training
        self.eval()
        try:
            found = self.model(list(images))
        finally:
            self.train(was_training)
        kept = [nms(each["boxes"], each["scores"], self.nms_iou) for each in found]
        return [{name: value[rows] for name, value in each.items()} for each, rows in zip(found, kept, strict=True)]


def _pooled(maps: list[Tensor]) -> Tensor:
    """Return the mean of the map on the encoder's last one, `(n, width)`."""
    return maps[LEVELS - 1].detach().float().mean(dim=(2, 3))
