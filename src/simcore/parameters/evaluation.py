"""Parameters of evaluation and reporting."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from simcore.parameters.base import Names, Parameters
from simcore.parameters.weights import Weights, weights_fingerprint


def _split(value: Any) -> Any:
    """Read `0.1+1` (the form the command line can pass) and a single number as a list."""
    if isinstance(value, str):
        return [part.strip() for part in value.split("+")]
    return [value] if isinstance(value, int | float) else value


Protocols = Annotated[tuple[Literal["clean", "published"], ...], BeforeValidator(_split), Field(min_length=1)]
"""How a result is made: a YAML list, one name, or `a+b` on the command line."""

Scale = Annotated[tuple[float, float], BeforeValidator(_split)]
"""Least and largest share of an image's area that a training crop takes."""


class LinearParameters(Parameters):
    """A linear layer on the frozen encoder."""

    features: Literal["cached", "augmented"]
    protocols: Protocols
    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rates: Annotated[tuple[PositiveFloat, ...], BeforeValidator(_split), Field(min_length=1)]
    scale: Scale

    @model_validator(mode="after")
    def _check_protocols(self) -> "LinearParameters":
        if self.features == "cached" and self.protocols != ("clean",):
            raise ValueError(
                "the protocol published trains under augmentation: set `features` to augmented, or `protocols` to clean"
            )
        return self


class KnnParameters(Parameters):
    """Weighted nearest neighbours."""

    neighbours: Annotated[tuple[PositiveInt, ...], BeforeValidator(_split), Field(min_length=1)]


class EvaluationParameters(Parameters):
    """What is measured on the target.

    Nodes that evaluate the arms take the values one by one, so that another `encoder` re-makes nothing of theirs.
    """

    encoder: Weights = None
    architecture: str | None = None
    seed: int
    linear: LinearParameters
    knn: KnnParameters

    def outside_state(self) -> str | None:
        """Return the fingerprint of the given encoder's content."""
        return weights_fingerprint(self.encoder)


class FinetuneParameters(Parameters):
    """Encoder and classifier trained together on shares of the labels."""

    recipe: Literal["authors", "long"]
    shares: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], BeforeValidator(_split), Field(min_length=1)]
    stratified: bool
    epochs: PositiveInt | None
    protocols: Protocols
    scale: Scale
    seed: int


class AttributesParameters(Parameters):
    """Linear evaluation on other labels of the same images."""

    columns: Literal["auto"] | Names


class ReportingParameters(Parameters):
    """What the report shows."""

    relevant_labels: str | None
    gallery_centroids: PositiveInt
    gallery_picks: PositiveInt
    mapped_images: PositiveInt
    map_seed: int


class RayParameters(Parameters):
    """The cluster that embeds and scans where `runtime.engine` is ray, see `simcore.cluster.Cluster`."""

    address: str | None = None
    workers: PositiveInt | None = None
    threads: PositiveInt | None = None


class RuntimeParameters(Parameters):
    """How the work is done on this machine, or on a cluster; nothing here changes what is made."""

    runtime_only: ClassVar[frozenset[str]] = frozenset(
        {"reuse", "work_dir", "device", "processes", "threads", "workers", "engine", "ray"}
    )

    reuse: bool
    work_dir: str
    device: Literal["auto", "cpu", "cuda", "mps"]
    processes: PositiveInt
    threads: PositiveInt
    workers: int = Field(ge=0)
    engine: Literal["local", "ray"] = "local"
    ray: RayParameters = RayParameters()
