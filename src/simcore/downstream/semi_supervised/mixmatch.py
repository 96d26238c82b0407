"""MixMatch: averaged, sharpened guesses, and everything mixed with everything."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from simcore.downstream.semi_supervised.base import Known, SemiSupervised, mix_partners, split_views
from simcore.downstream.semi_supervised.mixing import draw_shares, mix
from simcore.downstream.semi_supervised.sharpening import sharpen
from simcore.methods import StepOutput
from simcore.methods.checks import check_setting, check_temperatures
from simcore.supervised.classifier import Head


class MixMatch(SemiSupervised):
    """MixMatch with the settings of the SimCore paper.

    The guess q of an unlabelled image is the mean of the probabilities of two weakly augmented views, sharpened;
    labelled images and both views are mixed with random partners among all of them (`mixing`); with X' and U' what
    became of labelled and unlabelled images,

        loss = mean over X' of H(p', p(x')) + weight * r * mean over U' and classes of (q' - p(u'))^2,

    r rising linearly from 0 to 1 over the run. Images pass interleaved, and only the first pass moves the running
    statistics of batch norm. Three passes of a batch with, two without gradient. Source: Berthelot et al., MixMatch,
    NeurIPS 2019, algorithm 1; SimCore paper, table 15.

    Args:
        backbone: See `SemiSupervised`, as the next three.
        known: Likewise.
        seed: Likewise.
        head: Likewise.
        temperature: Of the sharpening.
        beta: Of the MixUp.
        weight: Of unlabelled images at the end of the run.

    Raises:
        InputError: A setting is out of range.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> backbone = create_backbone("resnet10_small", image_size=32, seed=0)
        >>> method = MixMatch(backbone, known=Known(2, (0.5, 0.5), 9), seed=0)
        >>> images = torch.randn(4, 3, 32, 32)
        >>> method([images, torch.tensor([0, 1, 0, 1]), images, images, torch.arange(4)]).features.shape
        torch.Size([4, 128])
    """

    name: ClassVar[str] = "mixmatch"
    unlabelled_views = (("weak", 2),)

    def __init__(
        self,
        backbone: nn.Module,
        *,
        known: Known,
        seed: int,
        head: Head = "linear",
        temperature: float = 0.5,
        beta: float = 0.75,
        weight: float = 75.0,
    ) -> None:
        super().__init__(backbone, known=known, seed=seed, head=head)
        check_temperatures(temperature=temperature)
        check_setting(beta > 0, "beta", beta, "above 0")
        check_setting(weight >= 0, "weight", weight, "0 or more")
        self.temperature, self.beta, self.weight = temperature, beta, weight

    @property
    def own_settings(self) -> dict[str, Any]:
        """Temperature, MixUp, weight."""
        return {"temperature": self.temperature, "beta": self.beta, "weight": self.weight}

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of labelled images, classes, two views of unlabelled images, and positions."""
        self._check_views(views)
        labelled, classes, unlabelled, _ = split_views(views)
        guessed = sharpen(self.guess(*unlabelled), temperature=self.temperature)
        images = torch.cat([labelled, *unlabelled])
        targets = torch.cat([self.one_hot(classes), *[guessed] * len(unlabelled)])
        drawn = {"partners": mix_partners(len(images)), "shares": draw_shares(len(images), beta=self.beta)}
        targets = mix(targets, **drawn)
        features, logits = self.predict_interleaved(mix(images, **drawn), parts=1 + len(unlabelled))
        n = len(labelled)
        supervised = nn.functional.cross_entropy(logits[:n], targets[:n])
        consistency = (logits[n:].softmax(dim=1) - targets[n:]).square().mean()
        self.note(loss_labelled=supervised, loss_unlabelled=consistency, confidence=guessed.amax(dim=1).mean())
        return StepOutput(supervised + self.weight * self._ramp * consistency, features[:n].detach())
