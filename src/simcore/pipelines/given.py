"""Encoders that a run is given instead of training them."""

from pathlib import Path

from simcore.backbones import Encoder, load_encoder


def _is_file(spec: str) -> bool:
    return Path(spec).is_file()


def given_architecture(spec: str, *, of_files: str) -> str:
    """Return the name of the network that a given encoder is; a file of weights is `of_files`.

    Example:
        >>> given_architecture("timm:resnet18", of_files="resnet50")
        'timm:resnet18'
    """
    if Path(spec).is_dir():
        return Encoder.load(spec).card.architecture
    return of_files if _is_file(spec) else spec


def load_given(spec: str, *, of_files: str, image_size: int) -> Encoder:
    """Return a given encoder.

    Args:
        spec: As in `simcore.backbones.load_encoder`.
        of_files: Network that a file of weights belongs to.
        image_size: Side of the images, in pixels.
    """
    return load_encoder(spec, architecture=of_files if _is_file(spec) else None, image_size=image_size)
