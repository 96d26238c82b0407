"""Parameters of webly-supervised learning."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from simcore.parameters.base import Parameters
from simcore.parameters.evaluation import Protocols, Scale

WeblyMethod = Literal["supervised", "co_teaching", "dividemix"]


def _split(value: Any) -> Any:
    """Read `a+b` (the form the command line can pass) as a list."""
    return [part.strip() for part in value.split("+")] if isinstance(value, str) else value


def _find_labels(path: str | None) -> str | None:
    """Return where a file of labels is, anchored where the command was typed."""
    if path is None:
        return None
    file = Path(path).expanduser().absolute()
    if not file.is_file():
        raise ValueError(f"there is no file {file}; give a .csv or .parquet with the columns `key` and `label`")
    return str(file)


class PlainParameters(Parameters):
    """All labels as they are."""

    epochs: PositiveInt
    batch_size: int = Field(ge=2)
    learning_rate: PositiveFloat


class CoTeachingParameters(PlainParameters):
    """Co-teaching."""

    forget: float = Field(ge=0, lt=1)
    ramp_epochs: PositiveInt
    exponent: PositiveFloat


class DivideMixParameters(PlainParameters):
    """DivideMix."""

    warmup_epochs: PositiveInt
    clean_threshold: float = Field(ge=0, lt=1)
    temperature: PositiveFloat
    alpha: PositiveFloat
    unlabelled_weight: NonNegativeFloat
    ramp_epochs: PositiveInt
    memory_epochs: PositiveInt
    confidence_penalty: NonNegativeFloat

    @model_validator(mode="after")
    def _check_warmup(self) -> "DivideMixParameters":
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"DivideMix divides the images after `warmup_epochs` {self.warmup_epochs}, but the run has "
                f"{self.epochs} epochs: shorten the warm-up"
            )
        return self


class WeblyParameters(Parameters):
    """Labels that are not all right, see `simcore.downstream.webly`."""

    methods: Annotated[tuple[WeblyMethod, ...], BeforeValidator(_split), Field(min_length=1)]
    web_images: bool
    planted_noise: float = Field(ge=0, lt=1)
    noise: Literal["symmetric", "next"]
    labels: Annotated[str | None, AfterValidator(_find_labels)]
    protocols: Protocols
    weight_decay: NonNegativeFloat
    precision: Literal["float32", "bfloat16"]
    scale: Scale
    seed: int
    supervised: PlainParameters
    co_teaching: CoTeachingParameters
    dividemix: DivideMixParameters

    def outside_state(self) -> str | None:
        """Return the fingerprint of the content of the file of labels."""
        return None if self.labels is None else hashlib.sha256(Path(self.labels).read_bytes()).hexdigest()
