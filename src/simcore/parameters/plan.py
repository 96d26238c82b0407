"""Parameters of the cost planner."""

from pydantic import Field, PositiveInt

from simcore.parameters.base import Parameters


class PlanParameters(Parameters):
    """The probe that the planner measures with."""

    probe_steps: PositiveInt
    probe_batch_size: int = Field(ge=2)
