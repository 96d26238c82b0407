"""What every parameter model shares: unknown keys refused, values frozen."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator

LARGEST = 2**63 - 1
"""The largest whole number that PyTorch, NumPy and Parquet all take."""


class Parameters(BaseModel):
    """Base of the parameter models: unknown keys are refused and values cannot change after the start.

    `runtime_only` names the fields that change how fast a result is made but not the result: they stay out
    of an artefact's fingerprint, so changing them re-makes nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    runtime_only: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*")
    @classmethod
    def _check_usable(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse what every type allows and some library stumbles over in the middle of a run."""
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, str) and ("\0" in each or not _is_unicode(each)):
                raise ValueError("should be Unicode text without NUL")
            if isinstance(each, int) and abs(each) > LARGEST:
                raise ValueError(f"should be at most {LARGEST}")
            if isinstance(each, int) and each < 0 and "seed" in str(info.field_name):
                raise ValueError("should be 0 or more")
        return value


def _is_unicode(text: str) -> bool:
    """Return whether Parquet, JSON and MLflow can hold `text`: a name typed in another encoding is none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
