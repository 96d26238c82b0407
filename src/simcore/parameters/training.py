"""Parameters of self-supervised training, shared by the retrieval encoder and the arms."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, field_validator, model_validator

from simcore.backbones import check_backbone
from simcore.methods import METHODS
from simcore.parameters.base import Parameters
from simcore.parameters.export import ListFile
from simcore.parameters.methods import (
    BYOLParameters,
    DINOParameters,
    EHNSmParameters,
    EHNSParameters,
    HNSParameters,
    MAEParameters,
    MethodParameters,
    SimCLRParameters,
    SwAVParameters,
)
from simcore.parameters.weights import Weights, weights_fingerprint
from simcore.training.settings import TrainingSettings

MACHINE_FIELDS = frozenset({"device", "processes", "threads", "workers"})


class ViewParameters(Parameters):
    """Augmentation of one view, see `simcore.images.ViewSettings`; all views of a group have the same distribution."""

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


class LocalViewParameters(Parameters):
    """What the small crops of a multi-crop method have of their own; the rest is as in `views`."""

    size: PositiveFloat = Field(le=1)
    scale: tuple[float, float]


class OptimisationParameters(TrainingSettings):
    """How long and how fast; what belongs to the machine is set once, in `runtime`.

    `epochs` and `warmup_epochs` may be `paper`: by the paper's rule for what is trained, see
    `simcore.training.epochs`.
    """

    epochs: Literal["paper"] | Annotated[int, Field(ge=1)] | None = None  # type: ignore[assignment] # wider
    warmup_epochs: Literal["paper"] | Annotated[float, Field(ge=0)] | None = None  # type: ignore[assignment] # wider

    @model_validator(mode="after")
    def _leave_machine_to_runtime(self) -> "OptimisationParameters":
        misplaced = sorted(MACHINE_FIELDS & self.model_fields_set)
        if misplaced:
            names = ", ".join(f"runtime.{name}" for name in misplaced)
            raise ValueError(f"{', '.join(misplaced)} belong to the machine and are set for all stages as {names}")
        return self


class TrainingParameters(Parameters):
    """One self-supervised training: method, encoder, views, optimisation."""

    method: str
    backbone: str
    simclr: SimCLRParameters | None = None
    byol: BYOLParameters | None = None
    swav: SwAVParameters | None = None
    dino: DINOParameters | None = None
    mae: MAEParameters | None = None
    hns: HNSParameters | None = None
    ehns: EHNSParameters | None = None
    ehns_m: EHNSmParameters | None = None
    views: ViewParameters
    local_views: LocalViewParameters | None = None
    optimisation: OptimisationParameters

    @model_validator(mode="before")
    @classmethod
    def _fill_block(cls, values: Any) -> Any:
        """Write the chosen method's defaults out, so that they count in fingerprints as given ones do."""
        method = values.get("method") if isinstance(values, dict) else None
        if isinstance(method, str) and method in _BLOCKS and values.get(method) is None:
            return {**values, method: {}}
        return values

    @field_validator("method")
    @classmethod
    def _check_method(cls, name: str) -> str:
        if name not in METHODS:
            raise ValueError(f"unknown method; choose one of {', '.join(sorted(METHODS))}")
        return name

    @field_validator("backbone")
    @classmethod
    def _check_backbone(cls, name: str) -> str:
        check_backbone(name)
        return name

    @model_validator(mode="after")
    def _check_blocks(self) -> "TrainingParameters":
        idle = [name for name in _BLOCKS if name != self.method and getattr(self, name) is not None]
        if idle:
            raise ValueError(
                f"settings of {', '.join(idle)} are given, but the method is {self.method}; choose that method, or "
                f"keep them under `methods.{idle[0]}.{idle[0]}`"
            )
        if self.dino is not None and self.dino.local_views and self.local_views is None:
            raise ValueError("dino takes small crops: give `local_views`, or set `dino.local_views` to 0")
        return self

    def method_settings(self) -> dict[str, Any]:
        """Return the settings of the chosen method; lengths may be `paper`."""
        settings: dict[str, Any] = getattr(self, self.method).model_dump()
        return settings

    @property
    def has_openset_beside(self) -> bool:
        """Whether the method trains on X alone and has the open-set beside it, as negatives."""
        return bool(METHODS[self.method].beside_counts)


_BLOCKS: dict[str, type[MethodParameters]] = {
    "simclr": SimCLRParameters,
    "byol": BYOLParameters,
    "swav": SwAVParameters,
    "dino": DINOParameters,
    "mae": MAEParameters,
    "hns": HNSParameters,
    "ehns": EHNSParameters,
    "ehns_m": EHNSmParameters,
}


class RetrievalParameters(TrainingParameters):
    """The retrieval encoder: trained on X, or given.

    `encoder` replaces the training: a folder written by `Encoder.save`, a file of weights of `backbone`,
    `timm:<name>` (pretrained) or `random:<name>`.
    """

    encoder: Weights = None
    seed: int

    @model_validator(mode="after")
    def _check_alone(self) -> "RetrievalParameters":
        if self.has_openset_beside and self.encoder is None:
            raise ValueError(
                f"{self.method} contrasts X with the open-set, but the retrieval encoder trains on X alone; give the "
                f"method to the arms, pretraining.method={self.method}, and leave `method` as it is"
            )
        return self

    def outside_state(self) -> str | None:
        """Return the fingerprint of the given encoder's content."""
        return weights_fingerprint(self.encoder)


class PretrainingParameters(TrainingParameters):
    """Final training, the same for every arm.

    `initialise_from` starts from weights of `backbone` instead of random ones (two-stage pretraining); its values are
    those of `RetrievalParameters.encoder`. `coreset` is a list of images to train on beside X instead of selected ones.
    """

    # What depends on the list depends on it through the catalog entry `coreset_simcore`, which reads it.
    runtime_only: ClassVar[frozenset[str]] = frozenset({"coreset"})

    initialise_from: Weights = None
    coreset: ListFile = None
    reselections: NonNegativeInt = 0

    @model_validator(mode="after")
    def _check_coreset(self) -> "PretrainingParameters":
        if self.coreset is not None and self.reselections:
            raise ValueError("`coreset` gives the images, so none are selected anew: set `reselections` to 0")
        if self.has_openset_beside and self.reselections:
            raise ValueError(
                f"{self.method} does not train on the coreset, so none is selected by it: set `reselections` to 0"
            )
        return self

    def outside_state(self) -> str | None:
        """Return the fingerprint of the content of the weights started from."""
        return weights_fingerprint(self.initialise_from)
