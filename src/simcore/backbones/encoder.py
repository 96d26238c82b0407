"""A trained (or deliberately untrained) encoder with everything needed to use it: weights and card."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from simcore import __version__
from simcore.backbones.registry import create_backbone, feature_dim
from simcore.errors import ArtefactError, InputError
from simcore.files import atomic_directory

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

WEIGHTS = "model.safetensors"
CARD = "card.json"
_LISTED = 8


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
        method: Pretraining method, or `random` for an untrained encoder.
        seed: Seed of the initial weights and of the training.
        steps: Optimiser steps taken.
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
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    data: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=library_versions)

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


def state_fingerprint(state: Mapping[str, Tensor]) -> str:
    """Return the sha256 (hex) of names, types, shapes and bytes of a state, in whatever order.

    Example:
        >>> state_fingerprint({"a": torch.zeros(1)}) == state_fingerprint({"a": torch.ones(1)})
        False
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().to("cpu").contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


@dataclass(frozen=True)
class Encoder:
    """A backbone with its card: maps uint8 images to features, saves and loads without pickle.

    Attributes:
        module: The network, from normalised images `(n, 3, s, s)` to features `(n, dim)`.
        card: What it is and where it comes from.

    Example:
        >>> encoder = create_random_encoder("resnet10_small", image_size=28, seed=0)
        >>> encoder.encode(torch.zeros(2, 3, 28, 28, dtype=torch.uint8)).shape
        torch.Size([2, 128])
    """

    module: nn.Module
    card: EncoderCard

    @property
    def dim(self) -> int:
        """Length of the features."""
        return self.card.dim

    @cached_property
    def fingerprint(self) -> str:
        """Sha256 (hex) of what decides the features: weights, architecture, input size, mean and std."""
        card = self.card
        facts = json.dumps([card.architecture, card.image_size, list(card.mean), list(card.std)])
        return hashlib.sha256((facts + state_fingerprint(self.module.state_dict())).encode()).hexdigest()

    def encode(self, pixels: Tensor) -> Tensor:
        """Return the features of images, `(n, dim)` float32, in evaluation mode and without gradient.

        Args:
            pixels: `(n, 3, s, s)`, uint8, on any device; the features come back on the network's device.

        Raises:
            InputError: If `pixels` has another type or shape.
        """
        if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != 3:  # noqa: PLR2004
            raise InputError(
                f"`pixels` is {tuple(pixels.shape)} {pixels.dtype}; an encoder takes (n, 3, s, s) uint8. "
                "`simcore.images.eval_pixels` returns that."
            )
        device = next(self.module.parameters()).device
        was_training = self.module.training
        self.module.eval()
        try:
            with torch.no_grad():
                inputs = normalise(pixels.to(device), mean=self.card.mean, std=self.card.std)
                return self.module(inputs).float()
        finally:
            self.module.train(was_training)

    def save(self, directory: str | Path) -> None:
        """Write `model.safetensors` and `card.json` into `directory`, which appears only when whole."""
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in self.module.state_dict().items()}
        with atomic_directory(directory) as partial:
            save_file(state, partial / WEIGHTS, metadata={"format": "pt", "architecture": self.card.architecture})
            text = json.dumps(asdict(self.card) | {"fingerprint": self.fingerprint}, indent=2, sort_keys=True)
            (partial / CARD).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: str | Path, *, device: str | torch.device = "cpu") -> "Encoder":
        """Return the encoder stored in `directory`.

        Args:
            directory: Folder written by `save`.
            device: Where the weights go.

        Raises:
            ArtefactError: If a file is missing or damaged, if the weights do not fit the architecture (the
                keys that differ are listed), or if they are not the ones the card was written for.
        """
        directory = Path(directory)
        for name in (WEIGHTS, CARD):
            if not (directory / name).is_file():
                raise ArtefactError(f"{directory} is not an encoder: {name} is missing.")
        try:
            values = json.loads((directory / CARD).read_text(encoding="utf-8"))
            state = load_file(directory / WEIGHTS)
        except (json.JSONDecodeError, SafetensorError) as error:
            raise ArtefactError(
                f"The encoder in {directory} is damaged ({error}); train or export it again."
            ) from error
        fingerprint = values.pop("fingerprint", None)
        card = EncoderCard.from_dict(values)
        module = create_backbone(card.architecture, image_size=card.image_size)
        load_state(module, state, source=str(directory / WEIGHTS), architecture=card.architecture)
        encoder = cls(module.to(device).eval(), card)
        if encoder.fingerprint != fingerprint:
            raise ArtefactError(
                f"The weights in {directory} are not those its {CARD} was written for (fingerprint differs); "
                "restore both files from one export."
            )
        return encoder


def load_state(module: nn.Module, state: Mapping[str, Tensor], *, source: str, architecture: str) -> None:
    """Load `state` into `module`, every key and shape in its place.

    Raises:
        ArtefactError: If keys are missing or unexpected or shapes differ; the message lists them.
    """
    own = module.state_dict()
    missing = sorted(set(own) - set(state))
    unexpected = sorted(set(state) - set(own))
    shapes = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        for name in sorted(set(own) & set(state))
        if state[name].shape != own[name].shape
    ]
    problems = [
        f"{word}: {_listed(names)}"
        for word, names in (
            ("missing keys", missing),
            ("unexpected keys", unexpected),
            ("other shapes", shapes),
        )
        if names
    ]
    if problems:
        raise ArtefactError(f"The weights in {source} do not fit `{architecture}`; {'; '.join(problems)}.")
    module.load_state_dict(dict(state), strict=True)


def create_random_encoder(
    name: str,
    *,
    image_size: int,
    seed: int,
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
) -> Encoder:
    """Return an untrained encoder: the reference row that a pretrained one has to beat.

    Args:
        name: A name for `create_backbone`.
        image_size: Side of the square images, in pixels.
        seed: Seed of the weights.
        mean: See `EncoderCard`.
        std: See `EncoderCard`.

    Raises:
        InputError: As `create_backbone`.

    Example:
        >>> create_random_encoder("resnet10_small", image_size=28, seed=1).card.method
        'random'
    """
    module = create_backbone(name, image_size=image_size, seed=seed).eval()
    card = EncoderCard(
        architecture=name.removeprefix("random:"),
        image_size=image_size,
        dim=feature_dim(module),
        method="random",
        seed=seed,
        mean=mean,
        std=std,
    )
    return Encoder(module, card)
