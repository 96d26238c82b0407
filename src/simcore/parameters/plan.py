"""Parameters of the planner: what trainings cost, and whether the disk will hold a run."""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from simcore.parameters.base import Parameters


class PlanParameters(Parameters):
    """The probe that the planner measures with, and what every run does where its disk is too small."""

    runtime_only: ClassVar[frozenset[str]] = frozenset({"disk", "disk_margin"})

    probe_steps: PositiveInt
    probe_batch_size: int = Field(ge=2)
    disk: Literal["stop", "warn", "ignore"] = "stop"
    disk_margin: float = Field(default=0.1, ge=0)
