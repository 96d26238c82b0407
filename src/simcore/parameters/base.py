"""What every parameter model shares: unknown keys refused, values frozen."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Parameters(BaseModel):
    """Base of the parameter models: unknown keys are refused and values cannot change after the start.

    `runtime_only` names the fields that change how fast a result is made but not the result: they stay out
    of an artefact's fingerprint, so changing them re-makes nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    runtime_only: ClassVar[frozenset[str]] = frozenset()


def _split(value: Any) -> Any:
    """Read `0+1+2` (the form the command line can pass) as a list."""
    if isinstance(value, str):
        return [part.strip() for part in value.split("+")]
    if isinstance(value, int):
        return [value]
    return value


Seeds = Annotated[tuple[int, ...], BeforeValidator(_split)]
"""One or more seeds: a YAML list, one integer, or `0+1+2` on the command line."""

Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""One or more names: a YAML list, one name, or `a+b` on the command line."""
