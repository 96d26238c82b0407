"""HNS: SimCLR whose harder negatives count for more."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from simcore.methods.checks import check_setting, check_temperatures
from simcore.methods.contrast import contrast
from simcore.methods.simclr import SimCLR


class HardNegativeLoss(nn.Module):
    """NT-Xent with negatives weighted by their similarity, less those that are of the anchor's own kind.

    With s the cosines of an anchor, p its positive, q its N = 2n - 2 negatives and w_q = exp(beta s_q / T),

        R = N sum_q w_q exp(s_q / T) / sum_q w_q
        G = max( (R - tau_plus N exp(s_p / T)) / (1 - tau_plus),  N exp(-1 / T) )
        loss = mean over anchors of  -log( exp(s_p / T) / (exp(s_p / T) + G) ).

    Everything is computed from logarithms: exp((1 + beta) / T) overflows float32 at T = 0.02. Cost: O(n^2) in time and
    memory.

    Args:
        temperature: T, above 0.
        beta: How much harder negatives count for more; 0 weighs all alike.
        tau_plus: Prior probability that a negative is of the anchor's own kind, below 1; 0 takes nothing off.

    Raises:
        InputError: If a setting is out of range, or a batch has a single image.

    Example:
        >>> loss = HardNegativeLoss(temperature=1, beta=0, tau_plus=0)(torch.eye(2), torch.eye(2))
        >>> round(loss.item(), 4)  # NT-Xent: the positive at cosine 1, two negatives at 0
        0.5514
    """

    def __init__(self, temperature: float, *, beta: float, tau_plus: float) -> None:
        super().__init__()
        check_temperatures(temperature=temperature)
        check_setting(beta >= 0, "beta", beta, "0 or more")
        check_setting(0 <= tau_plus < 1, "tau_plus", tau_plus, "at least 0 and below 1")
        self.temperature = temperature
        self.beta = beta
        self.tau_plus = tau_plus

    def forward(self, out0: Tensor, out1: Tensor) -> Tensor:
        """Return the mean loss of the 2n anchors in `out0` and `out1`, each `(n, d)`, row i from image i."""
        met = contrast(out0, out1, temperature=self.temperature)
        n, positive = met.n_negatives, met.positive()
        weights = met.negatives(self.beta).logsumexp(dim=1)
        # The logarithm of R / exp(s_p / T); likewise below, of G / exp(s_p / T) and of its smallest value.
        weighted = math.log(n) + met.negatives(1 + self.beta).logsumexp(dim=1) - weights - positive
        least = math.log(n) - 1 / self.temperature - positive
        return nn.functional.softplus(self._corrected(weighted, least, n=n)).mean()

    def _corrected(self, weighted: Tensor, least: Tensor, *, n: int) -> Tensor:
        if not self.tau_plus:
            return torch.maximum(weighted, least)
        excess = weighted - math.log(self.tau_plus * n)
        # Where nothing is left, a stand-in: the gradient of what `where` drops must be finite too.
        left = torch.where(excess > 0, excess, 1.0)
        remaining = weighted + torch.log(-torch.expm1(-left)) - math.log1p(-self.tau_plus)
        return torch.where(excess > 0, torch.maximum(remaining, least), least)


class HNS(SimCLR):
    """HNS: SimCLR in which negatives count by how similar they are to the anchor (implicit hard negatives).

    Head, views and temperature are SimCLR's; the loss is `HardNegativeLoss`. With `beta` 0 and `tau_plus` 0 it is
    NT-Xent exactly: all weights are 1, so that R is the sum over the negatives, and the lower bound of G never binds,
    since no cosine is below -1. `beta` 1.0 and `tau_plus` 0.01 are the SimCore paper's (supplement, hard negatives).
    Source: Robinson et al., Contrastive Learning with Hard Negative Samples, ICLR 2021, equation 4; the correction by
    `tau_plus` and the lower bound: Chuang et al., Debiased Contrastive Learning, NeurIPS 2020.

    Where ours differs from the SimCore paper's runs: these drop the rest of an epoch, which is a setting of the run
    here (`drop_last`); a smaller last batch has fewer negatives, of which N takes account.

    Args:
        backbone: Network with `num_features`, from `create_backbone`.
        beta: How much harder negatives count for more, 0 or above.
        tau_plus: Prior probability that a negative is of the anchor's own kind, at least 0 and below 1.
        temperature: T, above 0.
        projection_dim: Length of the projections.
        seed: Seed of the head's initial weights: those of SimCLR with that seed.

    Raises:
        InputError: If a setting is out of range.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> method = HNS(create_backbone("resnet10_small"), tau_plus=0.1, seed=0)
        >>> views = [torch.zeros(4, 3, 28, 28), torch.zeros(4, 3, 28, 28)]
        >>> round(method.loss(views).item(), 4)  # all projections equal: G is 6 (1 - 0.1) / (1 - 0.1), log(1 + 6)
        1.9459
    """

    name = "hns"

    def __init__(
        self,
        backbone: nn.Module,
        *,
        beta: float = 1.0,
        tau_plus: float = 0.01,
        temperature: float = 0.07,
        projection_dim: int = 128,
        seed: int = 0,
    ) -> None:
        super().__init__(backbone, temperature=temperature, projection_dim=projection_dim, seed=seed)
        self.beta = beta
        self.tau_plus = tau_plus
        self.criterion = HardNegativeLoss(temperature, beta=beta, tau_plus=tau_plus)

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Weighting, prior, temperature and projection length."""
        return {**super().hyper_parameters, "beta": self.beta, "tau_plus": self.tau_plus}
