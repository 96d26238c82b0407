"""ReMixMatch: guesses from weak views, aligned with the class shares, learnt from strong ones."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from simcore.downstream.semi_supervised.alignment import align
from simcore.downstream.semi_supervised.base import Known, SemiSupervised, mix_partners, split_views
from simcore.downstream.semi_supervised.interleaving import still_statistics
from simcore.downstream.semi_supervised.mixing import draw_shares, mix
from simcore.downstream.semi_supervised.processes import count_processes, sum_over_processes
from simcore.downstream.semi_supervised.sharpening import sharpen
from simcore.methods import StepOutput
from simcore.methods.checks import check_setting, check_temperatures
from simcore.supervised.classifier import Head


class ReMixMatch(SemiSupervised):
    """ReMixMatch with the settings of the SimCore paper, and without the leak of its code.

    The guess of an unlabelled image, from its weak view, is scaled by the class shares of the *labelled* images over a
    running mean of past guesses and sharpened. Labelled images, two strong views and the weak one are mixed with random
    partners; with X' and U' what became of labelled and unlabelled images and s the first strong view as it was,

        loss = H over X' + weight * r * H over U' + strong_weight * r * H(q, p(s)),

    each a mean cross-entropy, r rising linearly over the run. The rotation loss of the original is left out, as in
    the paper's runs. Five passes of a batch with, one without gradient.

    Differs: the published code takes the wanted class shares from the labels of *all* training images, those of the
    unlabelled ones among them. Guesses are then pulled towards the true shares where the drawn labels miss them, as
    draws that are not stratified do: knowledge that nobody with these labels has.

    Source: Berthelot et al., ReMixMatch, ICLR 2020, algorithm 1; SimCore paper, table 15.

    Args:
        backbone: See `SemiSupervised`, as the next three.
        known: Its shares are what guesses are aligned with.
        seed: See `SemiSupervised`.
        head: Likewise.
        temperature: Of the sharpening.
        beta: Of the MixUp.
        momentum: Of the running mean of guesses; its first value is the first batch's.
        weight: Of mixed unlabelled images at the end of the run.
        strong_weight: Of unmixed strong views at the end of the run.

    Raises:
        InputError: A setting is out of range.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> backbone = create_backbone("resnet10_small", image_size=32, seed=0)
        >>> method = ReMixMatch(backbone, known=Known(2, (0.5, 0.5), 9), seed=0)
        >>> images = torch.randn(4, 3, 32, 32)
        >>> method([images, torch.tensor([0, 1, 0, 1]), images, images, images, torch.arange(4)]).features.shape
        torch.Size([4, 128])
    """

    name: ClassVar[str] = "remixmatch"
    unlabelled_views = (("weak", 1), ("strong", 2))

    found: Tensor
    wanted: Tensor
    started: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        *,
        known: Known,
        seed: int,
        head: Head = "linear",
        temperature: float = 0.5,
        beta: float = 0.75,
        momentum: float = 0.999,
        weight: float = 1.5,
        strong_weight: float = 0.5,
    ) -> None:
        super().__init__(backbone, known=known, seed=seed, head=head)
        check_temperatures(temperature=temperature)
        check_setting(beta > 0, "beta", beta, "above 0")
        check_setting(0 <= momentum <= 1, "momentum", momentum, "from 0 to 1")
        check_setting(weight >= 0, "weight", weight, "0 or more")
        check_setting(strong_weight >= 0, "strong_weight", strong_weight, "0 or more")
        self.temperature, self.beta, self.momentum = temperature, beta, momentum
        self.weight, self.strong_weight = weight, strong_weight
        self.register_buffer("wanted", torch.tensor(known.shares, dtype=torch.float32))
        self.register_buffer("found", torch.zeros(known.class_count))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    @property
    def own_settings(self) -> dict[str, Any]:
        """Temperature, MixUp, momentum, weights."""
        names = ("temperature", "beta", "momentum", "weight", "strong_weight")
        return {name: getattr(self, name) for name in names}

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of labelled images, classes, a weak and two strong views of unlabelled images, positions."""
        self._check_views(views)
        labelled, classes, (weak, *strong), _ = split_views(views)
        guessed = self._aligned(self.guess(weak))
        unlabelled = [*strong, weak]
        images = torch.cat([labelled, *unlabelled])
        targets = torch.cat([self.one_hot(classes), *[guessed] * len(unlabelled)])
        drawn = {"partners": mix_partners(len(images)), "shares": draw_shares(len(images), beta=self.beta)}
        targets = mix(targets, **drawn)
        features, logits = self.predict_interleaved(mix(images, **drawn), parts=1 + len(unlabelled))
        with still_statistics(self):
            unmixed = self.predict(strong[0])[1]
        n = len(labelled)
        supervised = nn.functional.cross_entropy(logits[:n], targets[:n])
        mixed = nn.functional.cross_entropy(logits[n:], targets[n:])
        strongly = nn.functional.cross_entropy(unmixed, guessed)
        self.note(
            loss_labelled=supervised,
            loss_unlabelled=mixed,
            loss_strong=strongly,
            confidence=guessed.amax(dim=1).mean(),
        )
        loss = supervised + self._ramp * (self.weight * mixed + self.strong_weight * strongly)
        return StepOutput(loss, features[:n].detach())

    @torch.no_grad()
    def _aligned(self, guessed: Tensor) -> Tensor:
        """Return guesses aligned and sharpened; moves the running mean by those of all processes first."""
        batch = sum_over_processes(guessed.mean(dim=0)) / count_processes()
        moved = self.momentum * self.found + (1 - self.momentum) * batch
        self.found.copy_(torch.where(self.started, moved, batch))
        self.started.fill_(True)
        return sharpen(align(guessed, wanted=self.wanted, found=self.found), temperature=self.temperature)
