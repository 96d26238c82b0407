"""EHNS: SimCLR whose easiest negatives do not count."""

from fractions import Fraction
from typing import Any, Literal, TypeVar

import torch
from lightly.utils import dist
from torch import Tensor, nn

from simcore.errors import InputError
from simcore.methods.checks import check_setting, check_temperatures
from simcore.methods.contrast import contrast, gather_rows
from simcore.methods.simclr import SimCLR

Anchors = Literal["all", "target"]
Count = TypeVar("Count", int, Tensor)


class HardestNegativesLoss(nn.Module):
    """NT-Xent over each anchor's most similar negatives.

    With s the cosines of an anchor, p its positive and H the share `ratio` of its 2n - 2 negatives most similar to it,
    at least one,

        loss = T / T_base * mean over anchors of  -log( exp(s_p / T) / (exp(s_p / T) + sum_{q in H} exp(s_q / T)) ).

    Cost: O(n^2) in time and memory.

    Args:
        temperature: T, above 0.
        ratio: Share of the negatives that count, above 0 and at most 1.
        base_temperature: T_base, above 0; equal to `temperature`, the loss is not scaled.

    Raises:
        InputError: If a setting is out of range, or a batch has a single image.

    Example:
        >>> criterion = HardestNegativesLoss(1, ratio=0.5, base_temperature=1)
        >>> round(criterion(torch.eye(2), torch.eye(2)).item(), 4)  # one of the two negatives: log(1 + 1 / e)
        0.3133
    """

    def __init__(self, temperature: float, *, ratio: float, base_temperature: float) -> None:
        super().__init__()
        check_temperatures(temperature=temperature, base_temperature=base_temperature)
        check_setting(0 < ratio <= 1, "ratio", ratio, "above 0 and at most 1")
        self.temperature = temperature
        self.ratio = whole_ratio(ratio)
        self.base_temperature = base_temperature

    def forward(self, out0: Tensor, out1: Tensor, counts: Tensor | None = None) -> Tensor:
        """Return the mean loss of the anchors in `out0` and `out1`, each `(n, d)`, row i from image i.

        Args:
            out0: The first views.
            out1: The second views.
            counts: (n,), 1 for images whose views are anchors, 0 for those that are negatives alone; None counts all.
                Without an anchor in the joint batch the loss is 0.
        """
        met = contrast(out0, out1, temperature=self.temperature)
        kept = max(1, nearest_share(self.ratio, met.n_negatives))
        hardest = met.negatives().topk(kept, dim=1, sorted=False).values
        positive = met.positive()[:, None]
        losses = torch.cat([positive, hardest], dim=1).logsumexp(dim=1) - positive[:, 0]
        scale = self.temperature / self.base_temperature
        if counts is None:
            return scale * losses.mean()
        weights = counts.to(losses.dtype).repeat(2)
        # Averaged over the processes, the mean over the anchors of all of them.
        anchors = gather_rows(weights.sum()[None]).sum() / dist.world_size()
        return scale * (weights * losses).sum() / anchors.clamp(min=1 / dist.world_size())


class EHNS(SimCLR):
    """EHNS: SimCLR against the most similar negatives alone (explicit hard negatives).

    Head and views are SimCLR's; the loss is `HardestNegativesLoss`. With `ratio` 1 it is NT-Xent, times temperature /
    base_temperature. The defaults are the SimCore paper's (supplement G, table 17): 70 % of the negatives at T = 0.1,
    the loss times 0.1 / 0.07. In batches of X and an open-set, `anchors: target` takes anchors from X alone, and
    images of the open-set are negatives and no more; a batch without an image of X then has loss 0. Of X with all of
    ImageNet, X is 0.3 % for Pet: every second batch of 256 has none.

    Where ours differs: the published code keeps int(ratio 2B) of the 2B - 2 negatives, as if anchor and positive were
    two of them: 358 in place of 357 at B = 256, and at shares near 1 more than there are. Here the share is one of the
    negatives.

    Args:
        backbone: Network with `num_features`, from `create_backbone`.
        ratio: Share of the negatives that count, above 0 and at most 1.
        anchors: Which images attract their other view: `all`, or those of the `target`.
        temperature: T, above 0.
        base_temperature: The loss is multiplied by T over it.
        projection_dim: Length of the projections.
        seed: Seed of the head's initial weights: those of SimCLR with that seed.

    Raises:
        InputError: If a setting is out of range.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> method = EHNS(create_backbone("resnet10_small"), ratio=0.5, temperature=0.07, anchors="target", seed=0)
        >>> views = [torch.zeros(4, 3, 28, 28), torch.zeros(4, 3, 28, 28)]
        >>> round(method.loss([*views, torch.tensor([1, 0, 0, 0])]).item(), 4)  # 3 of 6 negatives: log(1 + 3)
        1.3863
    """

    name = "ehns"

    def __init__(
        self,
        backbone: nn.Module,
        *,
        ratio: float = 0.7,
        anchors: Anchors = "all",
        temperature: float = 0.1,
        base_temperature: float = 0.07,
        projection_dim: int = 128,
        seed: int = 0,
    ) -> None:
        super().__init__(backbone, temperature=temperature, projection_dim=projection_dim, seed=seed)
        if anchors not in ("all", "target"):
            raise InputError(f"`anchors` is {anchors!r}; it must be `all` or `target`.")
        self.ratio = ratio
        self.anchors = anchors
        self.base_temperature = base_temperature
        self.criterion = HardestNegativesLoss(temperature, ratio=ratio, base_temperature=base_temperature)

    @property
    def takes_origins(self) -> bool:
        """Whether anchors are from the target alone."""
        return self.anchors == "target"

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Share, anchors, temperatures and projection length."""
        own = {"ratio": self.ratio, "anchors": self.anchors, "base_temperature": self.base_temperature}
        return {**super().hyper_parameters, **own}


def whole_ratio(ratio: float) -> tuple[int, int]:
    """Return a share as the fraction it was written as, so that a share of a count is exact, in Python as on a device.

    Example:
        >>> whole_ratio(0.7)
        (7, 10)
    """
    return Fraction(ratio).limit_denominator(1_000_000).as_integer_ratio()


def nearest_share(ratio: tuple[int, int], count: Count) -> Count:
    """Return the whole number nearest to a share of `count`, a half upwards; of an int or of an int64 tensor.

    Example:
        >>> nearest_share((7, 10), 510), nearest_share((1, 2), torch.tensor([1, 2, 3])).tolist()
        (357, [1, 1, 2])
    """
    part, whole = ratio
    return (2 * part * count + whole) // (2 * whole)
