"""Parameters of evaluation and reporting."""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from simcore.parameters.base import Parameters


class KnnParameters(Parameters):
    """Weighted nearest neighbours."""

    neighbours: tuple[PositiveInt, ...] = Field(min_length=1)


class EvaluationParameters(Parameters):
    """What is measured on the target."""

    seed: int
    knn: KnnParameters


class ReportingParameters(Parameters):
    """What the report shows."""

    relevant_labels: str | None
    gallery_centroids: PositiveInt
    gallery_picks: PositiveInt


class RuntimeParameters(Parameters):
    """How the work is done on this machine; nothing here changes what is made."""

    runtime_only: ClassVar[frozenset[str]] = frozenset(
        {"reuse", "work_dir", "device", "processes", "threads", "workers"}
    )

    reuse: bool
    work_dir: str
    device: Literal["auto", "cpu", "cuda", "mps"]
    processes: PositiveInt
    threads: PositiveInt
    workers: int = Field(ge=0)
