"""Encoder networks by name, and encoders as artefacts."""

from simcore.backbones.card import IMAGENET_MEAN, IMAGENET_STD, EncoderCard, normalise
from simcore.backbones.encoder import Encoder, create_random_encoder
from simcore.backbones.loading import initialise, load_encoder
from simcore.backbones.patches import embed_patches
from simcore.backbones.registry import (
    check_backbone,
    create_backbone,
    feature_dim,
    list_backbones,
    patch_size,
    timm_arguments,
)
from simcore.backbones.state import load_state, state_fingerprint

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Encoder",
    "EncoderCard",
    "check_backbone",
    "create_backbone",
    "create_random_encoder",
    "embed_patches",
    "feature_dim",
    "initialise",
    "list_backbones",
    "load_encoder",
    "load_state",
    "normalise",
    "patch_size",
    "state_fingerprint",
    "timm_arguments",
]
