"""Parameters of open-set semi-supervised learning."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from simcore.parameters.base import Parameters
from simcore.parameters.evaluation import Protocols, Scale

OpensetMethod = Literal["self_training", "openmatch"]


def _split(value: Any) -> Any:
    """Read `a+b` and `2+10` (the form the command line can pass) as a list."""
    return [part.strip() for part in value.split("+")] if isinstance(value, str) else value


class SelfTrainingParameters(Parameters):
    """A teacher and its student."""

    batch_size: int = Field(ge=2)
    unlabelled_ratio: PositiveFloat
    teacher_epochs: PositiveInt
    teacher_batch_size: int = Field(ge=2)
    weight: float = Field(ge=0, le=1)
    temperature: PositiveFloat


class OpenMatchParameters(Parameters):
    """OpenMatch."""

    batch_size: int = Field(ge=2)
    unlabelled_ratio: PositiveFloat
    fix_after_epochs: int = Field(ge=0)
    rand_augment: Annotated[tuple[PositiveInt, Annotated[int, Field(ge=0, le=30)]], BeforeValidator(_split)]
    entropy_weight: NonNegativeFloat
    consistency_weight: NonNegativeFloat
    fix_weight: NonNegativeFloat
    threshold: float = Field(ge=0, le=1)
    temperature: PositiveFloat
    outlier_threshold: float = Field(gt=0, le=1)


class OpensetSemiSupervisedParameters(Parameters):
    """Few labels and an open-set, see `simcore.downstream.openset_semi_supervised`."""

    methods: Annotated[tuple[OpensetMethod, ...], BeforeValidator(_split), Field(min_length=1)]
    share: float = Field(gt=0, le=1)
    stratified: bool
    protocols: Protocols
    epochs: PositiveInt
    epoch_steps: PositiveInt
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat
    precision: Literal["float32", "bfloat16"]
    scale: Scale
    seed: int
    self_training: SelfTrainingParameters
    openmatch: OpenMatchParameters

    @model_validator(mode="after")
    def _check_start(self) -> "OpensetSemiSupervisedParameters":
        after = self.openmatch.fix_after_epochs
        if "openmatch" in self.methods and after >= self.epochs:
            raise ValueError(
                f"OpenMatch chooses inliers after {after} epochs, but the run has {self.epochs}: set "
                "`openmatch.fix_after_epochs` below `epochs`"
            )
        return self
