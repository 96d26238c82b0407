"""Labelled images alone: what the others have to beat."""

from typing import ClassVar

from simcore.downstream.semi_supervised.base import SemiSupervised


class Supervised(SemiSupervised):
    """Fine-tuning on the labelled images for as many steps as the other methods, without the unlabelled ones.

    Example:
        >>> import torch
        >>> from simcore.backbones import create_backbone
        >>> from simcore.downstream.semi_supervised.base import Known
        >>> backbone = create_backbone("resnet10_small", image_size=32, seed=0)
        >>> method = Supervised(backbone, known=Known(2, (0.5, 0.5), 0), seed=0)
        >>> method([torch.zeros(4, 3, 32, 32), torch.tensor([0, 1, 0, 1])]).features.shape
        torch.Size([4, 128])
    """

    name: ClassVar[str] = "supervised"
