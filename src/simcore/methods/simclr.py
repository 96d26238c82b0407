"""SimCLR with the head and temperature of the SimCore paper."""

from collections.abc import Sequence
from typing import Any

import torch
from lightly.loss import NTXentLoss
from torch import Tensor, nn

from simcore.backbones import feature_dim
from simcore.errors import InputError
from simcore.methods.base import Method, StepOutput


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
        if temperature <= 0:
            raise InputError(f"`temperature` is {temperature}; it divides the similarities and must be above 0.")
        if projection_dim < 1:
            raise InputError(f"`projection_dim` is {projection_dim}; it must be at least 1.")
        self.backbone = backbone
        self.temperature = temperature
        self.projection_dim = projection_dim
        dim = feature_dim(backbone)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, projection_dim))
        self.criterion = NTXentLoss(temperature=temperature)

    @property
    def encoder(self) -> nn.Module:
        """The backbone, without the head."""
        return self.backbone

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Temperature and projection length."""
        return {"temperature": self.temperature, "projection_dim": self.projection_dim}

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return NT-Xent of two views, each `(n, 3, s, s)`, in one pass of the backbone over both."""
        if len(views) != self.views:
            raise InputError(f"SimCLR takes 2 views of each image, {len(views)} were given.")
        n = len(views[0])
        features = self.backbone(torch.cat(list(views)))
        # In float32 whatever the precision around it: exp(1 / 0.07) is 1.6 million.
        projections = self.head(features).float()
        return StepOutput(self.criterion(projections[:n], projections[n:]), features[:n].detach())
