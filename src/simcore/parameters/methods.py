"""Parameters of the self-supervised methods, one block each; defaults are the paper's."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from simcore.parameters.base import Parameters

Share = Annotated[float, Field(ge=0, le=1)]
PaperEpochs = Literal["paper"] | NonNegativeInt
"""A number of epochs, or `paper`: by the paper's rule for the run's length, see `simcore.training.epochs`."""


class MethodParameters(Parameters):
    """Base of the methods' blocks: keyword arguments of `simcore.methods.create_method`."""


class SimCLRParameters(MethodParameters):
    """The method SimCLR."""

    temperature: PositiveFloat = 0.07
    projection_dim: PositiveInt = 128


class BYOLParameters(MethodParameters):
    """The method BYOL."""

    momentum: Share = 0.996
    momentum_end: Share = 1.0
    momentum_per: Literal["step", "epoch"] = "step"
    hidden_dim: PositiveInt = 4096
    projection_dim: PositiveInt = 256


class SwAVParameters(MethodParameters):
    """The method SwAV."""

    n_prototypes: PositiveInt = 100
    freeze_prototypes_epochs: PaperEpochs = "paper"
    temperature: PositiveFloat = 0.1
    sinkhorn_epsilon: PositiveFloat = 0.02
    sinkhorn_iterations: PositiveInt = 3
    hidden_dim: PositiveInt = 4096
    projection_dim: PositiveInt = 2048


class HNSParameters(SimCLRParameters):
    """The method HNS."""

    beta: NonNegativeFloat = 1.0
    tau_plus: float = Field(default=0.01, ge=0, lt=1)


class EHNSParameters(SimCLRParameters):
    """The method EHNS; `anchors` says which images of a batch attract their other view."""

    ratio: float = Field(default=0.7, gt=0, le=1)
    anchors: Literal["all", "target"] = "all"
    temperature: PositiveFloat = 0.1
    base_temperature: PositiveFloat = 0.07


class EHNSmParameters(SimCLRParameters):
    """The method EHNS-m."""

    queue_size: PositiveInt = 65_536
    ratio: float = Field(default=0.7, gt=0, le=1)


class DINOParameters(MethodParameters):
    """The method DINO."""

    output_dim: PositiveInt = 65_536
    hidden_dim: PositiveInt = 2048
    bottleneck_dim: PositiveInt = 256
    student_temperature: PositiveFloat = 0.1
    teacher_temperature: PositiveFloat = 0.04
    teacher_temperature_end: PositiveFloat = 0.07
    warmup_teacher_temperature_epochs: PaperEpochs = "paper"
    centre_momentum: Share = 0.9
    freeze_last_layer_epochs: PaperEpochs = "paper"
    norm_last_layer: bool = True
    momentum: Share = 0.996
    momentum_end: Share = 1.0
    momentum_per: Literal["step", "epoch"] = "step"
    local_views: NonNegativeInt = 4
    drop_path: NonNegativeFloat = Field(default=0.1, lt=1)


class MAEParameters(MethodParameters):
    """The method MAE."""

    mask_ratio: float = Field(default=0.75, gt=0, lt=1)
    decoder_dim: PositiveInt = 512
    decoder_depth: PositiveInt = 8
    decoder_heads: PositiveInt = 16
    normalise_targets: bool = True
