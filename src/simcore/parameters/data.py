"""Parameters of ingestion: where the images are and how large they are used."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, field_validator

from simcore.parameters.base import Parameters
from simcore.source_text import SourceEntry, read_entries


class SourceParameters(Parameters):
    """A single source of several, or one that is more than a path."""

    source: str
    path: str | None = None
    quota: PositiveInt | None = None
    label: str | None = None


def _read_classes(value: Any) -> Any:
    """Read `cat+dog` (the form the command line can pass) as a list; `7+` is the class called 7, not how many."""
    return [part.strip() for part in value.removesuffix("+").split("+")] if isinstance(value, str) else value


Classes = Annotated[PositiveInt | tuple[str, ...], BeforeValidator(_read_classes)]
"""Names of classes: a YAML list, or `a+b` on the command line; or how many are drawn."""


class PoolParameters(Parameters):
    """A pool of images, on disk or behind URLs."""

    runtime_only: ClassVar[frozenset[str]] = frozenset({"embeddings", "verify_workers", "datasets_root"})

    source: str | tuple[SourceParameters, ...]
    datasets_root: str
    # A name of simcore.images.sources.READERS; these load torch, so the name is looked up when the source is.
    layout: str
    # Read by the catalog entry `<pool>_embeddings`, from the command line.
    embeddings: str | None = None
    level: str | None
    options: dict[str, str]
    limit: PositiveInt | None
    classes: Classes | None
    sample_seed: int
    counts: Literal["warn", "stop"]
    max_rejected: float = Field(ge=0, le=1)
    verify: Literal["decode", "header"]
    verify_workers: PositiveInt

    @field_validator("source", mode="before")
    @classmethod
    def _anchor(cls, source: Any) -> Any:
        """Anchor relative paths where the command was typed."""
        if isinstance(source, Sequence) and not isinstance(source, str):
            source = [item.model_dump() if isinstance(item, SourceParameters) else item for item in source]
        entries = read_entries(source)
        if len(entries) == 1 and entries[0] == SourceEntry(path=entries[0].path) and entries[0].path is not None:
            return entries[0].path
        return [asdict(entry) for entry in entries]

    @property
    def entries(self) -> str | list[dict[str, Any]]:
        """The source as `simcore.images.parse_sources` takes it."""
        return self.source if isinstance(self.source, str) else [entry.model_dump() for entry in self.source]

    @property
    def reader_options(self) -> dict[str, str]:
        """The settings that only some layouts know."""
        return self.options | ({} if self.level is None else {"level": self.level})

    def outside_state(self) -> str:
        """Return the fingerprint of what lies at `source`, so that changed images re-make what follows."""
        from simcore.images import find_sources, sources_fingerprint

        found = find_sources(self.entries, root=self.datasets_root, layout=self.layout, options=self.reader_options)
        return sources_fingerprint([source.spec for source in found])


class TargetParameters(PoolParameters):
    """The target X."""

    labels: Literal["auto", "folder", "none"]
    test_fraction: float = Field(gt=0, lt=1)
    split_seed: int


class OpensetParameters(PoolParameters):
    """The open-set."""

    labels: Literal["auto", "folder", "none"]


class ImageParameters(Parameters):
    """How images are brought to the encoder's input size."""

    runtime_only: ClassVar[frozenset[str]] = frozenset({"cache_gib"})

    image_size: Literal["auto"] | PositiveInt
    time_budget_minutes: PositiveFloat
    images_per_second_at_32: PositiveFloat
    eval_resize_ratio: float = Field(ge=1, le=2)
    cache_gib: float = Field(ge=0)
