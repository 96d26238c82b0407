"""Encoder networks by name, and encoders as artefacts."""

from simcore.backbones.encoder import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Encoder,
    EncoderCard,
    create_random_encoder,
    load_state,
    normalise,
    state_fingerprint,
)
from simcore.backbones.registry import check_backbone, create_backbone, feature_dim, list_backbones

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Encoder",
    "EncoderCard",
    "check_backbone",
    "create_backbone",
    "create_random_encoder",
    "feature_dim",
    "list_backbones",
    "load_state",
    "normalise",
    "state_fingerprint",
]
