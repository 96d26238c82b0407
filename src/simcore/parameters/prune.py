"""Parameters of the pipelines `prune` and `status`."""

from pydantic import NonNegativeFloat, PositiveInt

from simcore.parameters.base import Parameters


class PruneParameters(Parameters):
    """Which versions and which unfinished work may go."""

    root: str
    keep: PositiveInt
    work_days: NonNegativeFloat
    remove: bool


class StatusParameters(Parameters):
    """How closely artefacts are looked at."""

    digests: bool
