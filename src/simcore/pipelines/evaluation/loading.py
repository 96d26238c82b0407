"""The node that loads a given encoder."""

from typing import Any

from simcore.backbones import Encoder
from simcore.pipelines.given import load_given


def load_encoder_given(
    spec: str | None, architecture: str | None, backbone: str, image_size: dict[str, Any]
) -> dict[int, Encoder]:
    """Return the given encoder as an arm's are, by seed; a file of weights is `architecture`, or else `backbone`.

    Its weights have to fit key by key: what is missing or left over is an error that lists it.
    """
    assert spec is not None  # without one nobody reads what this node makes
    encoder = load_given(spec, of_files=architecture or backbone, image_size=image_size["image_size"])
    return {encoder.card.seed: encoder}
