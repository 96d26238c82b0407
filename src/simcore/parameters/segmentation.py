"""Parameters of segmentation on the target."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from simcore.parameters.base import Parameters
from simcore.parameters.evaluation import Protocols, Scale


def _split(value: Any) -> Any:
    """Read `0.1+1` (the form the command line can pass) and a single number as a list."""
    if isinstance(value, str):
        return [part.strip() for part in value.split("+")]
    return [value] if isinstance(value, int | float) else value


class SegmentationParameters(Parameters):
    """DeepLabV3+ on an encoder, see `simcore.downstream.segmentation`."""

    protocols: Protocols
    image_size: PositiveInt | None
    frozen: bool
    output_stride: Literal[8, 16, 32]
    dilations: Annotated[tuple[PositiveInt, PositiveInt, PositiveInt], BeforeValidator(_split)]
    epochs: PositiveInt
    batch_size: int = Field(ge=2)
    learning_rates: Annotated[tuple[PositiveFloat, ...], BeforeValidator(_split), Field(min_length=1)]
    head_rate: PositiveFloat
    weight_decay: float = Field(ge=0)
    power: PositiveFloat
    precision: Literal["float32", "bfloat16"]
    base_ratio: PositiveFloat
    scale: Scale
    flip: float = Field(ge=0, le=1)
    seed: int
    pictures: PositiveInt

    @model_validator(mode="after")
    def _check_scale(self) -> "SegmentationParameters":
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"`scale` is {self.scale}; it must be two factors with 0 < smallest <= largest")
        return self
