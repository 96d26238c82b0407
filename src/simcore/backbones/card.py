"""What is written beside the weights of an encoder."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from math import isfinite
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from simcore import __version__
from simcore.errors import InputError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

EMBEDDINGS = ("features", "patch_mean")

# A transformer's position embedding grows with the square of the side: a card must not ask for all memory.
LARGEST_SIDE = 8192
_CHANNELS = 3


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that decide an encoder's output.

    Example:
        >>> sorted(library_versions())
        ['lightly', 'simcore', 'timm', 'torch', 'torchvision']
    """
    return {"simcore": __version__} | {name: version(name) for name in ("lightly", "timm", "torch", "torchvision")}


@dataclass(frozen=True)
class EncoderCard:
    """What an encoder is and where it comes from; written as `card.json` beside the weights.

    Attributes:
        architecture: A name for `create_backbone`.
        image_size: Side of the square images it was trained for, in pixels.
        dim: Length of its features.
        method: Pretraining method; `random` for an untrained encoder, `timm` for weights that timm fetched, `file`
            for weights from a file.
        seed: Seed of the initial weights and of the training; 0 where it is not known.
        steps: Optimiser steps taken.
        embedding: What `Encoder.encode` gives for retrieval: `features`, the output of the network, or
            `patch_mean`, see `embed_patches`.
        mean: Per-channel mean of the pixel values in [0, 1] that is subtracted from the input.
        std: Per-channel standard deviation that the input is divided by.
        data: Fingerprints of the training data by name.
        settings: Settings of method and training, as plain values.
        versions: Library versions at the time of training.
    """

    architecture: str
    image_size: int
    dim: int
    method: str
    seed: int
    steps: int = 0
    embedding: str = "features"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    data: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=library_versions)

    def __post_init__(self) -> None:
        if self.embedding not in EMBEDDINGS:
            raise InputError(f"`embedding` is {self.embedding!r}; an encoder gives one of {', '.join(EMBEDDINGS)}.")
        for names, kind, words in (
            (("architecture", "method"), str, "a name"),
            (("image_size", "dim", "seed", "steps"), Integral, "a whole number"),
        ):
            for name in names:
                if not isinstance(getattr(self, name), kind):
                    raise InputError(f"`{name}` of an encoder's card is {getattr(self, name)!r}; it must be {words}.")
        if not 1 <= self.image_size <= LARGEST_SIDE:
            raise InputError(
                f"`image_size` of an encoder's card is {self.image_size}; it must be from 1 to {LARGEST_SIDE} pixels."
            )
        for name, values in (("mean", self.mean), ("std", self.std)):
            numbers = all(isinstance(value, Real) and isfinite(value) for value in values)
            if not numbers or len(values) != _CHANNELS or (name == "std" and min(values) <= 0):
                raise InputError(
                    f"`{name}` of an encoder's card is {values!r}; it must be {_CHANNELS} finite numbers"
                    f"{', above 0' if name == 'std' else ''}, one a channel."
                )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "EncoderCard":
        """Return the card with `values`; fields of newer versions that this one does not know are refused.

        Raises:
            InputError: If a field is missing or unknown.
        """
        names = {entry.name for entry in fields(cls)}
        unknown = sorted(set(values) - names)
        missing = sorted({"architecture", "image_size", "dim", "method", "seed"} - set(values))
        if unknown or missing:
            raise InputError(
                f"The encoder's card has unknown fields {unknown} and lacks {missing}. "
                "It was written by another version, or by hand; export the encoder again."
            )
        return cls(**{**values, **{key: tuple(values[key]) for key in ("mean", "std") if key in values}})


def normalise(pixels: Tensor, *, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Return uint8 `pixels` `(n, 3, s, s)` as float32 with `mean` and `std` (of values in [0, 1]) taken out.

    Example:
        >>> white = torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)
        >>> normalise(white, mean=(0.5,) * 3, std=(0.5,) * 3).flatten()
        tensor([1., 1., 1.])
    """
    shape = (1, -1, 1, 1)
    scale = torch.tensor([1 / (255 * value) for value in std], device=pixels.device).view(shape)
    shift = torch.tensor([m / s for m, s in zip(mean, std, strict=True)], device=pixels.device).view(shape)
    return pixels.to(torch.float32) * scale - shift
