"""Parameters of the audit for leaks and duplicates."""

from pydantic import Field, PositiveInt

from simcore.parameters.base import Parameters


class AuditParameters(Parameters):
    """When two images count as copies of one.

    Nodes take the values one by one, so that a change of one re-makes only what rests on it.
    """

    hamming: int = Field(ge=0, le=32)
    correlation: float = Field(ge=-1, le=1)
    cosine: float | None = Field(gt=0, le=1)
    pairs_per_image: PositiveInt
    gallery_pairs: PositiveInt
