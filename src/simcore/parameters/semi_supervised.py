"""Parameters of semi-supervised learning."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from simcore.parameters.base import Parameters
from simcore.parameters.evaluation import Protocols, Scale

SemiSupervisedMethod = Literal["supervised", "mixmatch", "remixmatch", "fixmatch", "flexmatch"]


def _split(value: Any) -> Any:
    """Read `a+b` (the form the command line can pass) and a single number as a list."""
    if isinstance(value, str):
        return [part.strip() for part in value.split("+")]
    return [value] if isinstance(value, int | float) else value


class MixMatchParameters(Parameters):
    """MixMatch."""

    temperature: PositiveFloat
    beta: PositiveFloat
    weight: NonNegativeFloat


class ReMixMatchParameters(MixMatchParameters):
    """ReMixMatch."""

    momentum: float = Field(ge=0, le=1)
    strong_weight: NonNegativeFloat


class FixMatchParameters(Parameters):
    """FixMatch, and FlexMatch."""

    threshold: float = Field(ge=0, le=1)
    temperature: PositiveFloat
    weight: NonNegativeFloat
    hard: bool


class SemiSupervisedParameters(Parameters):
    """Few labels and the rest of X without, see `simcore.downstream.semi_supervised`."""

    methods: Annotated[tuple[SemiSupervisedMethod, ...], BeforeValidator(_split), Field(min_length=1)]
    shares: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], BeforeValidator(_split), Field(min_length=1)]
    stratified: bool
    protocols: Protocols
    epochs: PositiveInt
    epoch_steps: PositiveInt
    batch_size: int = Field(ge=2)
    unlabelled_ratio: PositiveFloat
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat
    precision: Literal["float32", "bfloat16"]
    scale: Scale
    rand_augment: Annotated[tuple[PositiveInt, Annotated[int, Field(ge=0, le=30)]], BeforeValidator(_split)]
    seed: int
    mixmatch: MixMatchParameters
    remixmatch: ReMixMatchParameters
    fixmatch: FixMatchParameters
    flexmatch: FixMatchParameters

    @model_validator(mode="after")
    def _check_once(self) -> "SemiSupervisedParameters":
        for name, values in (("methods", self.methods), ("shares", self.shares)):
            if len(set(values)) < len(values):
                raise ValueError(f"`{name}` is {list(values)}; give each once")
        return self

    def method_settings(self, method: str) -> dict[str, Any]:
        """Return the settings of one of the methods."""
        block: Parameters | None = getattr(self, method, None)
        return {} if block is None else block.model_dump()
