"""The node that loads a given encoder, and what records say of it."""

from dataclasses import replace
from typing import Any

from simcore.backbones import Encoder
from simcore.pipelines.given import load_given

_SPEC = "given"


def load_encoder_given(
    spec: str | None, architecture: str | None, backbone: str, image_size: dict[str, Any]
) -> dict[int, Encoder]:
    """Return the given encoder as an arm's are, by seed; a file of weights is `architecture`, or else `backbone`.

    Its weights have to fit key by key: what is missing or left over is an error that lists it.
    """
    assert spec is not None  # without one nobody reads what this node makes
    encoder = load_given(spec, of_files=architecture or backbone, image_size=image_size["image_size"])
    card = replace(encoder.card, settings={**encoder.card.settings, _SPEC: spec})
    return {card.seed: replace(encoder, card=card)}


def identify(encoder: Encoder, *, arm: str, seed: int) -> dict[str, Any]:
    """Return what a record says of its encoder: `arm` and `seed`, of a given one also `encoder` and `fingerprint`.

    `encoder` is what was typed; arms are known by their names.
    """
    which: dict[str, Any] = {"arm": arm, "seed": seed}
    spec = encoder.card.settings.get(_SPEC)
    return which if spec is None else {**which, "encoder": str(spec), "fingerprint": encoder.fingerprint}
