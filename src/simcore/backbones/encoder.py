"""A trained (or deliberately untrained) encoder with everything needed to use it: weights and card."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from simcore.backbones.card import IMAGENET_MEAN, IMAGENET_STD, EncoderCard, library_versions, normalise
from simcore.backbones.patches import embed_patches
from simcore.backbones.registry import RANDOM_PREFIX, create_backbone, feature_dim, patch_side
from simcore.backbones.state import load_state, state_fingerprint
from simcore.errors import ArtefactError, InputError, reading
from simcore.files import atomic_directory

__all__ = ["Encoder", "create_random_encoder", "library_versions"]

WEIGHTS = "model.safetensors"
CARD = "card.json"

Output = Literal["embedding", "features"]


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
        """Sha256 (hex) of what decides the embedding: weights, architecture, input size, mean, std, kind."""
        card = self.card
        facts: list[object] = [card.architecture, card.image_size, list(card.mean), list(card.std)]
        if card.embedding != "features":  # encoders written before there was a choice keep their fingerprint
            facts.append(card.embedding)
        return hashlib.sha256((json.dumps(facts) + state_fingerprint(self.module.state_dict())).encode()).hexdigest()

    def encode(self, pixels: Tensor, *, output: Output = "embedding") -> Tensor:
        """Return one row per image, `(n, dim)` float32, in evaluation mode and without gradient.

        Args:
            pixels: `(n, 3, s, s)`, uint8, on any device; the rows come back on the network's device.
            output: `embedding`: what retrieval compares images by, of the kind that the card names.
                `features`: the output of the network, which evaluation uses (they differ for MAE alone: its
                features are the class token).

        Raises:
            InputError: If `pixels` has another type or shape, or a size that the patches do not divide; or if
                `output` is another word.
        """
        if output not in ("embedding", "features"):
            raise InputError(f"`output` is {output!r}; an encoder gives its `embedding` or its `features`.")
        if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != 3:  # noqa: PLR2004
            raise InputError(
                f"`pixels` is {tuple(pixels.shape)} {pixels.dtype}; an encoder takes (n, 3, s, s) uint8. "
                "`simcore.images.eval_pixels` returns that."
            )
        side = patch_side(self.module)
        if side is not None and (pixels.shape[2] % side or pixels.shape[3] % side):
            raise InputError(
                f"`pixels` are {pixels.shape[2]}x{pixels.shape[3]}, but `{self.card.architecture}` cuts images into "
                f"patches of {side}x{side}; give images of {self.card.image_size}x{self.card.image_size} pixels."
            )
        device = next(self.module.parameters()).device
        was_training = self.module.training
        self.module.eval()
        try:
            with torch.no_grad():
                inputs = normalise(pixels.to(device), mean=self.card.mean, std=self.card.std)
                by_patches = output == "embedding" and self.card.embedding == "patch_mean"
                rows = embed_patches(self.module, inputs) if by_patches else self.module(inputs)
                return rows.float()
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
        again = "train or export the encoder again, or restore both files from one export"
        with reading(directory / WEIGHTS, advice=again):
            state = load_file(directory / WEIGHTS)
        with reading(directory / CARD, advice=again):
            values = dict(json.loads((directory / CARD).read_text(encoding="utf-8")))
            fingerprint = values.pop("fingerprint", None)
            module, card = _build(values)
        load_state(module, state, source=str(directory / WEIGHTS), architecture=card.architecture)
        encoder = cls(module.to(device).eval(), card)
        if feature_dim(module) != card.dim:
            raise ArtefactError(
                f"{directory / CARD} says that features have the length {card.dim}, but those of "
                f"`{card.architecture}` have {feature_dim(module)}; {again}."
            )
        if encoder.fingerprint != fingerprint:
            raise ArtefactError(
                f"The weights in {directory} are not those its {CARD} was written for (fingerprint differs); "
                "restore both files from one export."
            )
        return encoder


def _build(values: dict[str, Any]) -> tuple[nn.Module, EncoderCard]:
    """Return the card with `values`, and the network it is for.

    Raises:
        ValueError: It is no card, or for no network that can be built.
    """
    try:
        card = EncoderCard.from_dict(values)
        return create_backbone(card.architecture, image_size=card.image_size), card
    except InputError as error:
        # Not the caller's input: the file is named where this is caught.
        raise ValueError(str(error)) from error


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
        architecture=name.removeprefix(RANDOM_PREFIX),
        image_size=image_size,
        dim=feature_dim(module),
        method="random",
        seed=seed,
        mean=mean,
        std=std,
    )
    return Encoder(module, card)
