"""SimCLR with the head and temperature of the SimCore paper."""

from collections.abc import Sequence
from typing import Any

import torch
from lightly.loss import NTXentLoss
from torch import Tensor, nn

from simcore.backbones import feature_dim
from simcore.methods.base import Method, StepOutput
from simcore.methods.checks import check_sizes, check_temperatures
from simcore.methods.contrast import contrast
from simcore.methods.precision import full_precision
from simcore.methods.weights import seeded_weights


class JointNTXentLoss(NTXentLoss):
    """NT-Xent whose negatives are the views of the joint batch of all processes.

    lightly's loss, computed otherwise: one product instead of four (see `contrast`). lightly's own mask of several
    processes stands on the CPU and fits no GPU, and its memory bank, of no use here, would leave a buffer of
    uninitialised memory among the state.

    Args:
        temperature: T, above 0.

    Example:
        >>> loss = JointNTXentLoss(temperature=1)(torch.eye(2), torch.eye(2))
        >>> round(loss.item(), 4)  # the positive at cosine 1, two negatives at 0: log(1 + 2 / e)
        0.5514
    """

    def __init__(self, temperature: float) -> None:
        super().__init__(temperature=temperature, gather_distributed=torch.distributed.is_available())
        del self.memory_bank

    def forward(self, out0: Tensor, out1: Tensor) -> Tensor:
        """Return the mean loss of the 2n anchors in `out0` and `out1`, each `(n, d)`, row i from image i."""
        met = contrast(out0, out1, temperature=self.temperature)
        return nn.functional.cross_entropy(met.with_positive(), met.partner)


class SimCLR(Method):
    """SimCLR: two views of an image attract, views of different images of the batch repel (NT-Xent).

    For the 2n unit projections z of a batch of n images, with j(i) the other view of i,

        loss = mean_i  -log( exp(z_i z_j(i) / T) / sum_{m != i} exp(z_i z_m / T) ).

    The head is Linear(d, d)-ReLU-Linear(d, 128) without batch norm, T is 0.07 (SimCore paper, implementation
    details); the original ImageNet recipe has batch norm in the head and T = 0.1. Cost of the loss: O(n^2) in
    time and memory. Source: Chen et al., A Simple Framework for Contrastive Learning of Visual
    Representations, ICML 2020, equation 1.

    Args:
        backbone: Network with `num_features`, from `create_backbone`.
        temperature: T, above 0.
        projection_dim: Length of the projections.
        seed: Seed of the head's initial weights.

    Raises:
        InputError: If `temperature` or `projection_dim` is not positive.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> method = SimCLR(create_backbone("resnet10_small"), seed=0)
        >>> views = [torch.zeros(4, 3, 28, 28), torch.zeros(4, 3, 28, 28)]
        >>> round(method.loss(views).item(), 4)  # all projections equal: log(2 * 4 - 1)
        1.9459
    """

    name = "simclr"

    def __init__(
        self, backbone: nn.Module, *, temperature: float = 0.07, projection_dim: int = 128, seed: int = 0
    ) -> None:
        super().__init__()
        check_temperatures(temperature=temperature)
        check_sizes(projection_dim=projection_dim)
        self.backbone = backbone
        self.temperature = temperature
        self.projection_dim = projection_dim
        dim = feature_dim(backbone)
        with seeded_weights(seed):
            self.head = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, projection_dim))
        self.criterion: nn.Module = JointNTXentLoss(temperature)

    @property
    def encoder(self) -> nn.Module:
        """The backbone, without the head."""
        return self.backbone

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Temperature and projection length."""
        return {"temperature": self.temperature, "projection_dim": self.projection_dim}

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of two views, each `(n, 3, s, s)`, in one pass of the backbone over both.

        What follows the views goes on to the loss.
        """
        self._check_views(views)
        n = len(views[0])
        features = self.backbone(torch.cat(list(views[:2])))
        projections = self.head(features)
        with full_precision(projections):
            loss = self.criterion(projections[:n].float(), projections[n:].float(), *views[2:])
        return StepOutput(loss, features[:n].detach())
