"""Parameters of detection on the target."""

from pydantic import Field, PositiveInt, field_validator, model_validator

from simcore.parameters.base import Parameters
from simcore.parameters.training import OptimisationParameters


class DetectionParameters(Parameters):
    """A detector on an encoder, see `simcore.downstream.detection`."""

    frozen: bool
    min_side: PositiveInt
    max_side: PositiveInt
    flip: float = Field(ge=0, le=1)
    width: PositiveInt
    nms_iou: float = Field(ge=0, le=1)
    least_score: float = Field(ge=0, lt=1)
    optimisation: OptimisationParameters
    seed: int
    pictures: PositiveInt

    @field_validator("optimisation")
    @classmethod
    def _check_optimisation(cls, optimisation: OptimisationParameters) -> OptimisationParameters:
        if "paper" in (optimisation.epochs, optimisation.warmup_epochs):
            raise ValueError("`paper` stands for lengths of pretraining; give detection a number of epochs")
        if optimisation.views_on != "workers":
            raise ValueError("images with boxes are cropped by workers alone: set `views_on` to workers")
        return optimisation

    @model_validator(mode="after")
    def _check_sides(self) -> "DetectionParameters":
        if self.min_side > self.max_side:
            raise ValueError(f"`min_side` is {self.min_side} and must not exceed `max_side`, {self.max_side}")
        return self
