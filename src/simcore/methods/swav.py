"""SwAV with the heads, prototypes and Sinkhorn of the SimCore paper."""

from collections.abc import Sequence
from typing import Any

import torch
from lightly.loss import SwaVLoss
from lightly.models.modules import SwaVProjectionHead, SwaVPrototypes
from torch import Tensor, nn

from simcore.backbones import feature_dim
from simcore.methods.base import Method, StepOutput
from simcore.methods.checks import check_counts, check_setting, check_sizes, check_temperatures
from simcore.methods.moment import Moment
from simcore.methods.precision import full_precision
from simcore.methods.weights import seeded_weights

# exp(1 / 0.0125) is 6e34, and float32 ends at 3e38: room for the sum over 5,000 scores of 1.
SMALLEST_EPSILON = 0.0125


class UnitPrototypes(SwaVPrototypes):
    """lightly's prototypes without bias and with unit rows from the start, so that scores are cosines.

    Args:
        input_dim: Length of the unit projections.
        n_prototypes: How many.

    Example:
        >>> lengths = UnitPrototypes(8, 3).heads[0].weight.norm(dim=1)
        >>> torch.allclose(lengths, torch.ones(3))
        True
    """

    def __init__(self, input_dim: int, n_prototypes: int) -> None:
        super().__init__(input_dim, n_prototypes)
        for layer in self.heads:
            layer.bias = None
        self.normalize()


class SwAV(Method):
    """SwAV: from one view of an image, predict the cluster that the other view is assigned to, both ways.

    With unit projections z and P unit prototypes c, the scores are the cosines s = z c. Codes q come from the
    scores by Sinkhorn-Knopp: exp(s / epsilon), rows (prototypes) and columns (images) scaled in turn to equal
    sums, so that the prototypes share the batch evenly; no gradient passes them. Then

        loss = mean over images of  1/2 [ CE(q_1, softmax(s_2 / T)) + CE(q_2, softmax(s_1 / T)) ].

    Projector d-4096-2048 with batch norm and ReLU between (SimCore paper; the original ends at 128), two views,
    no queue. Prototypes are scaled to unit rows after each step, and keep still in the first epochs. The
    codes of several processes are those of the joint batch. Cost of the loss: O(n P) in time and memory.
    Source: Caron et al., Unsupervised Learning of Visual Features by Contrasting Cluster Assignments, NeurIPS
    2020, equations 1 to 5. Subclasses of lightly's parts: `UnitPrototypes`.

    Args:
        backbone: Network with `num_features`, from `create_backbone`.
        n_prototypes: P; the paper has 3,000 on ImageNet and 100 on target and coreset.
        freeze_prototypes_epochs: Epochs at the start in which the prototypes keep still.
        temperature: T, above 0.
        sinkhorn_epsilon: Smoothness of the codes, at least 0.0125 (below, float32 overflows).
        sinkhorn_iterations: Scalings of rows and columns.
        hidden_dim: Width of the projector's hidden layer.
        projection_dim: Length of the projections.
        seed: Seed of the initial weights of projector and prototypes.

    Raises:
        InputError: If a setting is outside its range.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> method = SwAV(create_backbone("resnet10_small"), n_prototypes=8, hidden_dim=32, projection_dim=16)
        >>> views = [torch.randn(4, 3, 28, 28) for _ in range(2)]
        >>> method.loss(views).shape
        torch.Size([])
    """

    name = "swav"

    def __init__(
        self,
        backbone: nn.Module,
        *,
        n_prototypes: int = 100,
        freeze_prototypes_epochs: int = 10,
        temperature: float = 0.1,
        sinkhorn_epsilon: float = 0.02,
        sinkhorn_iterations: int = 3,
        hidden_dim: int = 4096,
        projection_dim: int = 2048,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_sizes(sinkhorn_iterations=sinkhorn_iterations, hidden_dim=hidden_dim, projection_dim=projection_dim)
        check_setting(n_prototypes > 1, "n_prototypes", n_prototypes, "at least 2")
        check_counts(freeze_prototypes_epochs=freeze_prototypes_epochs)
        check_temperatures(temperature=temperature)
        check_setting(
            sinkhorn_epsilon >= SMALLEST_EPSILON,
            "sinkhorn_epsilon",
            sinkhorn_epsilon,
            f"at least {SMALLEST_EPSILON}: float32 has no room for exp(1 / {sinkhorn_epsilon})",
        )
        self.n_prototypes = n_prototypes
        self.freeze_prototypes_epochs = freeze_prototypes_epochs
        self.hidden_dim = hidden_dim
        self.projection_dim = projection_dim
        self.backbone = backbone
        with seeded_weights(seed):
            self.projector = SwaVProjectionHead(feature_dim(backbone), hidden_dim, projection_dim)
            self.prototypes = UnitPrototypes(projection_dim, n_prototypes)
        self.criterion = SwaVLoss(
            temperature=temperature,
            sinkhorn_iterations=sinkhorn_iterations,
            sinkhorn_epsilon=sinkhorn_epsilon,
            sinkhorn_gather_distributed=torch.distributed.is_available(),
        )

    @property
    def encoder(self) -> nn.Module:
        """The backbone, without projector and prototypes."""
        return self.backbone

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Prototypes, temperature, Sinkhorn and widths."""
        return {
            "n_prototypes": self.n_prototypes,
            "freeze_prototypes_epochs": self.freeze_prototypes_epochs,
            "temperature": self.criterion.temperature,
            "sinkhorn_epsilon": self.criterion.sinkhorn_epsilon,
            "sinkhorn_iterations": self.criterion.sinkhorn_iterations,
            "hidden_dim": self.hidden_dim,
            "projection_dim": self.projection_dim,
        }

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of two views, each `(n, 3, s, s)`, in one pass of the backbone over both."""
        self._check_views(views)
        n = len(views[0])
        features = self.backbone(torch.cat(list(views)))
        projections = self.projector(features)
        with full_precision(projections):
            scores = self.prototypes(nn.functional.normalize(projections.float(), dim=1))
            loss = self.criterion([scores[:n], scores[n:]], []).squeeze()
        return StepOutput(loss, features[:n].detach())

    def after_backward(self, moment: Moment) -> None:
        """Keep the prototypes still in the first epochs: without gradient, no optimiser moves or decays them."""
        if moment.epoch <= self.freeze_prototypes_epochs:
            for parameter in self.prototypes.parameters():
                parameter.grad = None

    def after_step(self, moment: Moment) -> None:
        """Scale the prototypes back to unit rows if they have moved."""
        if moment.epoch > self.freeze_prototypes_epochs:
            self.prototypes.normalize()
