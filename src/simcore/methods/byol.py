"""BYOL with the heads and schedule of the SimCore paper."""

import copy
from collections.abc import Sequence
from typing import Any, Literal

import torch
from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules import BYOLPredictionHead, BYOLProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from torch import Tensor, nn

from simcore.backbones import feature_dim
from simcore.methods.averaging import MomentumSchedule
from simcore.methods.base import Method, StepOutput
from simcore.methods.checks import check_sizes
from simcore.methods.moment import Moment
from simcore.methods.precision import full_precision
from simcore.methods.stochastic import remove_noise
from simcore.methods.weights import seeded_weights


class BYOL(Method):
    """BYOL: from one view of an image, predict what a slowly moving copy of the network says of the other.

    With q the predictions of the online network and z the projections of the target network,

        loss = mean over images of  (2 - 2 cos(q_1, z_2)) + (2 - 2 cos(q_2, z_1)).

    Projector d-4096-256 and predictor 256-4096-256, batch norm and ReLU between. The target network starts as a
    copy of the online one and is its exponential moving average (see `MomentumSchedule`). Each view passes on
    its own, so batch norm sees one view at a time, as in the original. Views come from one distribution, as in
    the SimCore paper; the original draws the two views from different ones. Source: Grill et al., Bootstrap Your
    Own Latent, NeurIPS 2020, equations 1 and 2.

    Args:
        backbone: Network with `num_features`, from `create_backbone`.
        momentum: Momentum of the average at the start.
        momentum_end: Momentum at the end; equal to `momentum`, it is constant (the paper's short runs).
        momentum_per: Whether the momentum changes per `step` or per `epoch`.
        hidden_dim: Width of the hidden layers of both heads.
        projection_dim: Length of projections and predictions.
        seed: Seed of the heads' initial weights.

    Raises:
        InputError: If a momentum lies outside 0 to 1 or a width is not positive.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> method = BYOL(create_backbone("resnet10_small"), hidden_dim=32, projection_dim=8)
        >>> views = [torch.randn(4, 3, 28, 28) for _ in range(2)]
        >>> 0 <= method.loss(views).item() <= 8
        True
    """

    name = "byol"

    def __init__(
        self,
        backbone: nn.Module,
        *,
        momentum: float = 0.996,
        momentum_end: float = 1.0,
        momentum_per: Literal["step", "epoch"] = "step",
        hidden_dim: int = 4096,
        projection_dim: int = 256,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_sizes(hidden_dim=hidden_dim, projection_dim=projection_dim)
        self.schedule = MomentumSchedule(momentum, momentum_end, per=momentum_per)
        self.hidden_dim = hidden_dim
        self.projection_dim = projection_dim
        self.backbone = backbone
        with seeded_weights(seed):
            self.projector = BYOLProjectionHead(feature_dim(backbone), hidden_dim, projection_dim)
            self.predictor = BYOLPredictionHead(projection_dim, hidden_dim, projection_dim)
        self.target_backbone = copy.deepcopy(backbone)
        self.target_projector = copy.deepcopy(self.projector)
        remove_noise(self.target_backbone)
        deactivate_requires_grad(self.target_backbone)
        deactivate_requires_grad(self.target_projector)
        self.criterion = NegativeCosineSimilarity()
        self._momentum = momentum

    @property
    def encoder(self) -> nn.Module:
        """The online backbone, without the heads."""
        return self.backbone

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Momentum and widths."""
        return {
            **self.schedule.settings,
            "hidden_dim": self.hidden_dim,
            "projection_dim": self.projection_dim,
        }

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of two views, each `(n, 3, s, s)`, from two passes of each network."""
        self._check_views(views)
        features = [self.backbone(view) for view in views]
        first, second = (self.predictor(self.projector(rows)) for rows in features)
        with torch.no_grad():
            target_first, target_second = (self.target_projector(self.target_backbone(view)) for view in views)
        with full_precision(first):
            # The criterion is the negative cosine: four, less two for each of the two directions.
            directions = self.criterion(first.float(), target_second.float()) + self.criterion(
                second.float(), target_first.float()
            )
            loss = 4 + 2 * directions
        return StepOutput(loss, features[0].detach())

    def after_step(self, moment: Moment) -> None:
        """Let the target network follow the online one."""
        self._momentum = self.schedule.at(moment)
        update_momentum(self.backbone, self.target_backbone, m=self._momentum)
        update_momentum(self.projector, self.target_projector, m=self._momentum)

    def curves(self) -> dict[str, float]:
        """Return the momentum of the last update."""
        return {"momentum": self._momentum}
