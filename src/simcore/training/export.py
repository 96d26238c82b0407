"""From a trained method to the encoder that is kept."""

import copy
from collections.abc import Mapping

import torch

from simcore.backbones import Encoder, EncoderCard, feature_dim
from simcore.methods import Method
from simcore.training.settings import TrainingSettings


def export_encoder(
    method: Method,
    *,
    architecture: str,
    image_size: int,
    settings: TrainingSettings,
    seed: int,
    steps: int,
    data: Mapping[str, str],
) -> Encoder:
    """Return a copy of the encoder of a trained method, in evaluation mode, with its card.

    Args:
        method: After `pretrain`.
        architecture: The name its backbone was created by.
        image_size: Side of the training views, in pixels.
        settings: What it was trained with.
        seed: Seed of weights and training.
        steps: Optimiser steps taken.
        data: Fingerprints of the training data by name.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> from simcore.methods import SimCLR
        >>> method = SimCLR(create_backbone("resnet10_small"))
        >>> settings = TrainingSettings(steps=1)
        >>> facts = {"architecture": "resnet10_small", "image_size": 28, "seed": 0, "steps": 1, "data": {}}
        >>> encoder = export_encoder(method, settings=settings, **facts)
        >>> encoder.dim, encoder.card.method
        (128, 'simclr')
    """
    # A copy, so that more training of the method does not change it; in the memory layout it will have when
    # loaded again, which the last bits of the features depend on.
    module = copy.deepcopy(method.encoder).to("cpu").to(memory_format=torch.contiguous_format).eval()
    card = EncoderCard(
        architecture=architecture,
        image_size=image_size,
        dim=feature_dim(module),
        method=method.name,
        seed=seed,
        steps=steps,
        embedding=method.embedding,
        mean=settings.mean,
        std=settings.std,
        data=dict(data),
        settings={"method": method.hyper_parameters, "training": settings.identity()},
    )
    return Encoder(module, card)
