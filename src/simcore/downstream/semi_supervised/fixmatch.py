"""FixMatch: certain guesses from weak views are the targets of strong ones."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from simcore.downstream.semi_supervised.base import Known, SemiSupervised, split_views
from simcore.downstream.semi_supervised.sharpening import sharpen
from simcore.methods import StepOutput
from simcore.methods.checks import check_setting, check_temperatures
from simcore.supervised.classifier import Head


class FixMatch(SemiSupervised):
    """FixMatch with the settings of the SimCore paper.

    With p_w and p_s the probabilities of the weak and the strong view of an unlabelled image,

        loss = H over labelled images + weight * mean over unlabelled images of 1[max p_w >= threshold] H(q, p_s),

    q being p_w sharpened, as in the paper's runs, or its best class (`hard`), as in the original. All views pass
    together, so that batch norm sees one batch. Three passes of a batch. Source: Sohn et al., FixMatch, NeurIPS 2020,
    equations 3 and 4; SimCore paper, table 15 (whose code has 75 as the default of `weight`, and has to be given 1).

    Args:
        backbone: See `SemiSupervised`, as the next three.
        known: Likewise.
        seed: Likewise.
        head: Likewise.
        threshold: Least probability of a guess that counts.
        temperature: Of the sharpening; says nothing for hard targets.
        weight: Of unlabelled images.
        hard: Whether the target is the best class alone.

    Raises:
        InputError: A setting is out of range.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> backbone = create_backbone("resnet10_small", image_size=32, seed=0)
        >>> method = FixMatch(backbone, known=Known(2, (0.5, 0.5), 9), seed=0)
        >>> images = torch.randn(4, 3, 32, 32)
        >>> method([images, torch.tensor([0, 1, 0, 1]), images, images, torch.arange(4)]).features.shape
        torch.Size([4, 128])
    """

    name: ClassVar[str] = "fixmatch"
    unlabelled_views = (("weak", 1), ("strong", 1))

    def __init__(
        self,
        backbone: nn.Module,
        *,
        known: Known,
        seed: int,
        head: Head = "linear",
        threshold: float = 0.95,
        temperature: float = 0.5,
        weight: float = 1.0,
        hard: bool = False,
    ) -> None:
        super().__init__(backbone, known=known, seed=seed, head=head)
        check_setting(0 <= threshold <= 1, "threshold", threshold, "from 0 to 1")
        check_temperatures(temperature=temperature)
        check_setting(weight >= 0, "weight", weight, "0 or more")
        self.threshold, self.temperature, self.weight, self.hard = threshold, temperature, weight, hard

    @property
    def own_settings(self) -> dict[str, Any]:
        """Threshold, temperature, weight, kind of target."""
        return {name: getattr(self, name) for name in ("threshold", "temperature", "weight", "hard")}

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of labelled images, classes, a weak and a strong view of unlabelled images, and positions."""
        self._check_views(views)
        labelled, classes, unlabelled, positions = split_views(views)
        n = len(labelled)
        features, logits = self.predict(torch.cat([labelled, *unlabelled]))
        weak, strong = logits[n:].chunk(2)
        guessed = weak.detach().softmax(dim=1)
        counts = self._counts(guessed, positions)
        target = guessed.argmax(dim=1) if self.hard else sharpen(guessed, temperature=self.temperature)
        each = nn.functional.cross_entropy(strong, target, reduction="none")
        supervised = nn.functional.cross_entropy(logits[:n], classes)
        consistency = (counts * each).mean()
        self.note(loss_labelled=supervised, loss_unlabelled=consistency, certain=counts.float().mean())
        return StepOutput(supervised + self.weight * consistency, features[:n].detach())

    def _counts(self, guessed: Tensor, positions: Tensor) -> Tensor:
        """Return whether each guess counts, `(n,)` bool."""
        del positions
        return guessed.amax(dim=1) >= self.threshold
