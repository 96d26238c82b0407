"""Parameters of ingestion: where the images are and how large they are used."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from simcore.parameters.base import Parameters


class SourceParameters(Parameters):
    """A pool of images on disk."""

    runtime_only: ClassVar[frozenset[str]] = frozenset({"embeddings", "verify_workers"})

    source: str = Field(min_length=1)
    # Read by the catalog entry `<pool>_embeddings`, from the command line.
    embeddings: str | None = None
    max_rejected: float = Field(ge=0, le=1)
    verify: Literal["decode", "header"]
    verify_workers: PositiveInt

    @field_validator("source")
    @classmethod
    def _anchor(cls, source: str) -> str:
        """Anchor a relative path where the command was typed."""
        return str(Path(source).expanduser().absolute())

    def outside_state(self) -> str:
        """Return the fingerprint of what lies at `source`, so that changed images re-make what follows."""
        from simcore.images import source_fingerprint

        return source_fingerprint(self.source)


class TargetParameters(SourceParameters):
    """The target X."""

    labels: Literal["auto", "folder", "none"]
    test_fraction: float = Field(gt=0, lt=1)
    split_seed: int


class OpensetParameters(SourceParameters):
    """The open-set."""


class ImageParameters(Parameters):
    """How images are brought to the encoder's input size."""

    runtime_only: ClassVar[frozenset[str]] = frozenset({"cache_gib"})

    image_size: Literal["auto"] | PositiveInt
    time_budget_minutes: PositiveFloat
    images_per_second_at_32: PositiveFloat
    eval_resize_ratio: float = Field(ge=1, le=2)
    cache_gib: float = Field(ge=0)
