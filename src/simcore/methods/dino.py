"""DINO with the schedules and multi-crop of the SimCore paper."""

import copy
from collections.abc import Sequence
from typing import Any, Literal

import torch
from lightly.loss import DINOLoss
from lightly.models.modules.center import center_mean
from lightly.models.utils import deactivate_requires_grad, update_momentum
from torch import Tensor, nn

from simcore.backbones import feature_dim
from simcore.errors import InputError
from simcore.methods.averaging import MomentumSchedule
from simcore.methods.base import Method, StepOutput
from simcore.methods.checks import check_counts, check_setting, check_sizes, check_temperatures
from simcore.methods.heads import WeightNormHead
from simcore.methods.moment import Moment
from simcore.methods.precision import full_precision
from simcore.methods.stochastic import remove_noise, set_drop_path
from simcore.methods.weights import seeded_weights

GLOBAL_VIEWS = 2


class CentredLoss(DINOLoss):
    """lightly's loss over stacked views, with teacher temperature and centre as buffers that keep their place.

    The temperature changes in the course of a run; as a number it would have `torch.compile` compile anew each
    time. The centre takes part of the average over all processes, and moves only in training mode.

    Args:
        output_dim: Length of the heads' output.
        student_temperature: T_s.
        teacher_temperature: T_t at the start.
        centre_momentum: Momentum of the centre.

    Example:
        >>> criterion = CentredLoss(4, student_temperature=0.1, teacher_temperature=0.04, centre_momentum=0.9)
        >>> round(criterion(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4)).item(), 4)  # log 4
        1.3863
    """

    teacher_temperature: Tensor

    def __init__(
        self, output_dim: int, *, student_temperature: float, teacher_temperature: float, centre_momentum: float
    ) -> None:
        super().__init__(output_dim, student_temp=student_temperature, center_momentum=centre_momentum)
        self.register_buffer("teacher_temperature", torch.tensor(float(teacher_temperature)))

    def forward(self, teacher_out: Tensor, student_out: Tensor) -> Tensor:
        """Return the cross-entropy of teacher views `(t, n, d)` and student views `(v, n, d)`, same views left out."""
        aims = nn.functional.softmax((teacher_out - self.center) / self.teacher_temperature, dim=-1)
        guesses = nn.functional.log_softmax(student_out / self.student_temp, dim=-1)
        terms = -torch.einsum("tnd,vnd->tv", aims, guesses)
        loss = (terms.sum() - terms.diagonal().sum()) / (teacher_out.shape[1] * (terms.numel() - len(terms)))
        if self.training:
            self.update_center(teacher_out)
        return loss

    @torch.no_grad()
    def update_center(self, teacher_out: Tensor) -> None:
        """Move the centre towards the mean of `teacher_out` `(t, n, d)`, over all processes."""
        self.center.lerp_(center_mean(teacher_out, dim=(0, 1)), 1 - self.center_momentum)


class DINO(Method):
    """DINO: from any view of an image, predict what a slowly moving teacher says of its large views.

    With teacher outputs t of the two large views, student outputs s of all 2 + L views, and the centre c,

        loss = mean over images and pairs i != j of  CE(softmax((t_i - c) / T_t), softmax(s_j / T_s)).

    Head: d-2048-2048-256 with GELU, truncated normal weights (0.02), unit length, then a weight-normed layer to
    65,536 outputs; no batch norm. The teacher starts as a copy of the student and is its exponential moving
    average (see `MomentumSchedule`); it is the encoder that is kept. Per epoch e from 1, T_t rises in a line,

        T_t(e) = end - (end - start) (1 - e / E_w)  up to epoch E_w, and is `end` from then on.

    The centre follows the mean teacher output. The last layer keeps still in the first epochs. Stochastic depth
    of the student rises in a line over its transformer blocks from 0 to `drop_path`; other networks keep what they
    have. The teacher has none.
    Sources: Caron et al., Emerging Properties in Self-Supervised Vision Transformers, ICCV 2021, equation 1 and
    algorithm 1; values of the SimCore paper. Subclasses of lightly's parts: `WeightNormHead`, `CentredLoss`.
    Memory of the loss: (4 + L) n outputs of 65,536 numbers, 2 MB an image at L = 4 before gradients.

    Args:
        backbone: Network with `num_features`, from `create_backbone`; with local views, it must take images of
            more than one size.
        output_dim: Length of the heads' output.
        hidden_dim: Width of the heads' hidden layers.
        bottleneck_dim: Length of the unit vectors before the last layer.
        student_temperature: T_s, above 0.
        teacher_temperature: T_t at the start, above 0.
        teacher_temperature_end: T_t from epoch E_w on, above 0.
        warmup_teacher_temperature_epochs: E_w.
        centre_momentum: Momentum of the centre.
        freeze_last_layer_epochs: Epochs at the start in which the last layer keeps still.
        norm_last_layer: Whether its rows stay of unit length (the original's default).
        momentum: Momentum of the teacher at the start.
        momentum_end: Momentum of the teacher at the end.
        momentum_per: Whether the momentum changes per `step` or per `epoch`.
        local_views: L, small views of each image; 0 for none.
        drop_path: Rate of the student's last block.
        seed: Seed of the heads' initial weights.

    Raises:
        InputError: If a setting is outside its range, or the backbone takes one image size only.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> method = DINO(create_backbone("resnet10_small"), output_dim=16, hidden_dim=32, local_views=1)
        >>> method.view_counts
        (2, 1)
        >>> views = [torch.randn(4, 3, 28, 28), torch.randn(4, 3, 28, 28), torch.randn(4, 3, 14, 14)]
        >>> method.loss(views).shape
        torch.Size([])
    """

    name = "dino"

    def __init__(
        self,
        backbone: nn.Module,
        *,
        output_dim: int = 65536,
        hidden_dim: int = 2048,
        bottleneck_dim: int = 256,
        student_temperature: float = 0.1,
        teacher_temperature: float = 0.04,
        teacher_temperature_end: float = 0.07,
        warmup_teacher_temperature_epochs: int = 2000,
        centre_momentum: float = 0.9,
        freeze_last_layer_epochs: int = 10,
        norm_last_layer: bool = True,
        momentum: float = 0.996,
        momentum_end: float = 1.0,
        momentum_per: Literal["step", "epoch"] = "step",
        local_views: int = 4,
        drop_path: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_sizes(hidden_dim=hidden_dim, bottleneck_dim=bottleneck_dim)
        check_setting(output_dim > 1, "output_dim", output_dim, "at least 2")
        check_temperatures(
            student_temperature=student_temperature,
            teacher_temperature=teacher_temperature,
            teacher_temperature_end=teacher_temperature_end,
        )
        check_counts(
            warmup_teacher_temperature_epochs=warmup_teacher_temperature_epochs,
            freeze_last_layer_epochs=freeze_last_layer_epochs,
            local_views=local_views,
        )
        check_setting(0 <= centre_momentum <= 1, "centre_momentum", centre_momentum, "from 0 to 1")
        check_setting(0 <= drop_path < 1, "drop_path", drop_path, "at least 0 and below 1")
        if local_views and getattr(getattr(backbone, "patch_embed", None), "strict_img_size", False):
            raise InputError(
                f"`local_views` is {local_views}, and local views are smaller than the others, but this "
                f"{type(backbone).__name__} takes images of one size only. Choose a registered vision transformer "
                "(`vit_tiny_16`), a convolutional network, or set `local_views` to 0."
            )
        self.schedule = MomentumSchedule(momentum, momentum_end, per=momentum_per)
        self.teacher_temperatures = (teacher_temperature, teacher_temperature_end)
        self.warmup_teacher_temperature_epochs = warmup_teacher_temperature_epochs
        self.freeze_last_layer_epochs = freeze_last_layer_epochs
        self.local_views = local_views
        self.drop_path = drop_path
        self._widths = {"output_dim": output_dim, "hidden_dim": hidden_dim, "bottleneck_dim": bottleneck_dim}
        self._norm_last_layer = norm_last_layer
        with seeded_weights(seed):
            head = WeightNormHead(feature_dim(backbone), **self._widths, norm_last_layer=norm_last_layer)
        self.teacher_backbone = copy.deepcopy(backbone)
        self.teacher_head = copy.deepcopy(head)
        remove_noise(self.teacher_backbone)
        deactivate_requires_grad(self.teacher_backbone)
        deactivate_requires_grad(self.teacher_head)
        self.student_backbone = backbone
        self.student_head = head
        set_drop_path(backbone, rate=drop_path)
        self.criterion = CentredLoss(
            output_dim,
            student_temperature=student_temperature,
            teacher_temperature=teacher_temperature,
            centre_momentum=centre_momentum,
        )
        self._momentum = momentum

    @property
    def view_counts(self) -> tuple[int, ...]:
        """Two large views, and the small ones if there are any."""
        return (GLOBAL_VIEWS, self.local_views) if self.local_views else (GLOBAL_VIEWS,)

    @property
    def encoder(self) -> nn.Module:
        """The teacher's backbone."""
        return self.teacher_backbone

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Widths, temperatures, momenta, frozen epochs, views and stochastic depth."""
        return {
            **self._widths,
            "student_temperature": self.criterion.student_temp,
            "teacher_temperature": self.teacher_temperatures[0],
            "teacher_temperature_end": self.teacher_temperatures[1],
            "warmup_teacher_temperature_epochs": self.warmup_teacher_temperature_epochs,
            "centre_momentum": self.criterion.center_momentum,
            "freeze_last_layer_epochs": self.freeze_last_layer_epochs,
            "norm_last_layer": self._norm_last_layer,
            **self.schedule.settings,
            "local_views": self.local_views,
            "drop_path": self.drop_path,
        }

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of two large and L small views, in one pass of the student for each size."""
        self._check_views(views)
        n = len(views[0])
        large, small = torch.cat(list(views[:GLOBAL_VIEWS])), list(views[GLOBAL_VIEWS:])
        with torch.no_grad():
            teacher_out = self.teacher_head(self.teacher_backbone(large))
        features = self.student_backbone(large)
        rows = torch.cat([features, self.student_backbone(torch.cat(small))]) if small else features
        student_out = self.student_head(rows)
        with full_precision(student_out):
            loss = self.criterion(
                teacher_out.float().view(GLOBAL_VIEWS, n, -1), student_out.float().view(len(views), n, -1)
            )
        return StepOutput(loss, features[:n].detach())

    def teacher_temperature_at(self, moment: Moment) -> float:
        """Return T_t of the step of `moment`."""
        start, end = self.teacher_temperatures
        warmup = self.warmup_teacher_temperature_epochs
        left = 1 - moment.epoch / warmup if moment.epoch < warmup else 0.0
        return end - (end - start) * left

    def before_step(self, moment: Moment) -> None:
        """Set the teacher's temperature."""
        self.criterion.teacher_temperature.fill_(self.teacher_temperature_at(moment))

    def after_backward(self, moment: Moment) -> None:
        """Keep the last layer still in the first epochs: without gradient, no optimiser moves or decays it."""
        if moment.epoch <= self.freeze_last_layer_epochs:
            for parameter in self.student_head.last_layer.parameters():
                parameter.grad = None

    def after_step(self, moment: Moment) -> None:
        """Let the teacher follow the student."""
        self._momentum = self.schedule.at(moment)
        update_momentum(self.student_backbone, self.teacher_backbone, m=self._momentum)
        update_momentum(self.student_head, self.teacher_head, m=self._momentum)

    def curves(self) -> dict[str, float]:
        """Return the momentum of the last update and the teacher's temperature."""
        return {"momentum": self._momentum, "teacher_temperature": self.criterion.teacher_temperature.item()}
