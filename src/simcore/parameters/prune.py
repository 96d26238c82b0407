"""Parameters of the pipeline `prune`."""

from pydantic import NonNegativeFloat, PositiveInt

from simcore.parameters.base import Parameters


class PruneParameters(Parameters):
    """Which versions and which unfinished work may go."""

    root: str
    keep: PositiveInt
    work_days: NonNegativeFloat
    remove: bool
