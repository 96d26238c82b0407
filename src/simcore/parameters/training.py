"""Parameters of self-supervised training, shared by the retrieval encoder and the arms."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from simcore.backbones import check_backbone
from simcore.parameters.base import Parameters, Seeds
from simcore.training.settings import TrainingSettings

MACHINE_FIELDS = frozenset({"device", "threads", "workers"})


class ViewParameters(Parameters):
    """Augmentation of one view, see `simcore.images.ViewSettings`; all views have the same distribution."""

    scale: tuple[float, float]
    ratio: tuple[float, float]
    interpolation: Literal["bilinear", "bicubic"]
    flip: float = Field(ge=0, le=1)
    jitter: Literal["auto"] | Annotated[float, Field(ge=0, le=1)]
    brightness: float = Field(ge=0)
    contrast: float = Field(ge=0)
    saturation: float = Field(ge=0)
    hue: float = Field(ge=0, le=0.5)
    grayscale: float = Field(ge=0, le=1)


class SimCLRParameters(Parameters):
    """The method SimCLR."""

    temperature: PositiveFloat
    projection_dim: PositiveInt


class OptimisationParameters(TrainingSettings):
    """How long and how fast; what belongs to the machine is set once, in `runtime`."""

    @model_validator(mode="after")
    def _leave_machine_to_runtime(self) -> "OptimisationParameters":
        misplaced = sorted(MACHINE_FIELDS & self.model_fields_set)
        if misplaced:
            names = ", ".join(f"runtime.{name}" for name in misplaced)
            raise ValueError(f"{', '.join(misplaced)} belong to the machine and are set for all stages as {names}")
        return self


class TrainingParameters(Parameters):
    """One self-supervised training: method, encoder, views, optimisation."""

    method: Literal["simclr"]
    backbone: str
    simclr: SimCLRParameters
    views: ViewParameters
    optimisation: OptimisationParameters

    @field_validator("backbone")
    @classmethod
    def _check_backbone(cls, name: str) -> str:
        check_backbone(name)
        return name

    def method_settings(self) -> dict[str, Any]:
        """Return the settings of the chosen method, as `simcore.methods.create_method` takes them."""
        return getattr(self, self.method).model_dump()


class RetrievalParameters(TrainingParameters):
    """Training of the retrieval encoder on X."""

    seed: int


class PretrainingParameters(TrainingParameters):
    """Final training, the same for every arm."""

    seeds: Seeds = Field(min_length=1)
