"""OpenMatch: one-vs-all classifiers find outliers among unlabelled images, FixMatch learns from the rest."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from simcore.downstream.network import ClassNetwork, seeded_linear
from simcore.downstream.openset_semi_supervised.one_vs_all import (
    one_vs_all_loss,
    open_entropy,
    outlier_scores,
    soft_consistency,
)
from simcore.errors import InputError
from simcore.methods import Method, StepOutput
from simcore.methods.checks import check_setting
from simcore.supervised.classifier import Head


def inlier_loss(weak: Tensor, strong: Tensor, inlier: Tensor, *, threshold: float, temperature: float) -> Tensor:
    """Return FixMatch's cross-entropy on the pseudo-inliers of a batch, mean over them; 0 where there is none.

    The class that the weak view names is that of the strong view, where its probability reaches `threshold`.

    Args:
        weak: Logits `(n, c)`; they get no gradient.
        strong: Logits `(n, c)`.
        inlier: Which images count, `(n,)` bool.
        threshold: Images below it count 0, and are counted in the mean.
        temperature: Divides the weak logits.

    Example:
        >>> logits = torch.zeros(2, 2)
        >>> none = torch.zeros(2, dtype=torch.bool)
        >>> inlier_loss(logits, logits, none, threshold=0.0, temperature=1.0).item()
        0.0
        >>> round(inlier_loss(logits, logits, ~none, threshold=0.0, temperature=1.0).item(), 4)
        0.6931
    """
    sure, named = (weak.detach() / temperature).softmax(dim=1).max(dim=1)
    losses = nn.functional.cross_entropy(strong, named, reduction="none")
    kept = inlier & (sure >= threshold)
    return (losses * kept).sum() / inlier.sum().clamp(min=1)


class OpenMatch(Method):
    """A closed classifier of c classes beside c one-vs-all classifiers, on labelled and unlabelled images.

    `CE + L_ova + 0.1 L_oem + 0.5 L_socr + L_fix` (OpenMatch, NeurIPS 2021; the SimCore paper's appendix B.4 has these
    weights). Labelled images are seen in a centre view and a strong one, both with cross-entropy and one-vs-all loss;
    unlabelled ones in a weak and a strong view, with `open_entropy` and `soft_consistency`. From an epoch on, FixMatch
    is learnt on pseudo-inliers, with a threshold of 0 on the probability: the one-vs-all classifiers are what decides.
    Pseudo-inliers are the unlabelled images whose probability of being *out* of the class they are named is below
    one half, by the centre view; `simcore.training.Refresh` works that out in each epoch, into the buffers
    `outlier_score` and `inlier`, by position among the unlabelled images.

    Differs from the published code, which draws a second batch from the pseudo-inliers alone: here a mask over the one
    unlabelled batch, and the mean is over the pseudo-inliers in it. The expected loss is the same and a step is
    cheaper, but fewer pseudo-inliers are seen where they are rare. The view for the choice is not mirrored, so that it
    is a function of the weights alone.

    Args:
        backbone: Trained in place.
        class_count: c.
        unlabelled_count: Number of unlabelled images.
        seed: Of the first weights of both linear layers.
        head: Kind of the closed classifier's layer.
        entropy_weight: Of L_oem.
        consistency_weight: Of L_socr.
        fix_weight: Of L_fix.
        threshold: Least probability of a pseudo-label.
        temperature: Of the pseudo-labels.
        outlier_threshold: From which score on an image is an outlier.

    Raises:
        InputError: A setting is out of range.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> backbone = create_backbone("resnet10_small", image_size=16, seed=0)
        >>> method = OpenMatch(backbone, class_count=3, unlabelled_count=10, seed=0)
        >>> lot = [*[torch.zeros(4, 3, 16, 16)] * 2, torch.tensor([0, 1, 2, 0])]
        >>> lot += [*[torch.zeros(6, 3, 16, 16)] * 2, torch.arange(6)]
        >>> method(lot).features.shape
        torch.Size([4, 128])
    """

    name: ClassVar[str] = "openmatch"

    def __init__(
        self,
        backbone: nn.Module,
        *,
        class_count: int,
        unlabelled_count: int,
        seed: int,
        head: Head = "linear",
        entropy_weight: float = 0.1,
        consistency_weight: float = 0.5,
        fix_weight: float = 1.0,
        threshold: float = 0.0,
        temperature: float = 1.0,
        outlier_threshold: float = 0.5,
    ) -> None:
        super().__init__()
        if unlabelled_count < 1:
            raise InputError("There is no unlabelled image; OpenMatch learns from a pool of them: give an open-set.")
        for name, value in (
            ("entropy_weight", entropy_weight),
            ("consistency_weight", consistency_weight),
            ("fix_weight", fix_weight),
        ):
            check_setting(value >= 0, name, value, "at least 0")
        check_setting(0 <= threshold <= 1, "threshold", threshold, "from 0 to 1")
        check_setting(temperature > 0, "temperature", temperature, "above 0")
        check_setting(0 < outlier_threshold <= 1, "outlier_threshold", outlier_threshold, "above 0 and at most 1")
        self.entropy_weight, self.consistency_weight, self.fix_weight = entropy_weight, consistency_weight, fix_weight
        self.threshold, self.temperature, self.outlier_threshold = threshold, temperature, outlier_threshold
        self.network = ClassNetwork(backbone, class_count=class_count, seed=seed, head=head)
        self.open = seeded_linear(
            int(backbone.num_features),  # type: ignore[arg-type]
            2 * class_count,
            seed=seed + 1,
            bias=False,
        )
        self.outlier_score: Tensor
        self.inlier: Tensor
        self.register_buffer("outlier_score", torch.ones(unlabelled_count))
        self.register_buffer("inlier", torch.zeros(unlabelled_count, dtype=torch.bool))
        self.train()

    @property
    def view_counts(self) -> tuple[int, ...]:
        """Centre and strong view of labelled images with their classes; weak and strong of others, with positions."""
        return (1, 1, 1, 1, 1, 1)

    @property
    def encoder(self) -> nn.Module:
        """The encoder."""
        return self.network.backbone

    @property
    def probed(self) -> nn.Module:
        """The method as a whole: it says `logits`."""
        return self

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """What decides the training beside the settings."""
        return {
            "entropy_weight": self.entropy_weight,
            "consistency_weight": self.consistency_weight,
            "fix_weight": self.fix_weight,
            "threshold": self.threshold,
            "temperature": self.temperature,
            "outlier_threshold": self.outlier_threshold,
        }

    def logits(self, images: Tensor) -> Tensor:
        """Return `(1, n, c)` by the closed classifier."""
        return self.network.logits(images)

    def score(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return named class `(n,)` and outlier score `(n,)` of normalised images; see `outlier_scores`."""
        features, logits = self.network.predict(images)
        return outlier_scores(logits, self.open(features))

    def curves(self) -> dict[str, float]:
        """Return which share of the unlabelled images counts as inliers."""
        return {"inlier_share": float(self.inlier.float().mean())}

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of two views and classes of labelled images, two views and positions of unlabelled ones."""
        self._check_views(views)
        centre, strong, classes, weak_u, strong_u, positions = views
        n, m = len(centre), len(weak_u)
        features, logits = self.network.predict(torch.cat([centre, strong, weak_u, strong_u]))
        outputs = self.open(features)
        twice = torch.cat([classes, classes])
        loss = nn.functional.cross_entropy(logits[: 2 * n], twice) + one_vs_all_loss(outputs[: 2 * n], twice)
        of_weak, of_strong = outputs[2 * n : 2 * n + m], outputs[2 * n + m :]
        loss = loss + self.entropy_weight * open_entropy(of_weak, of_strong)
        loss = loss + self.consistency_weight * soft_consistency(of_weak, of_strong)
        fix = inlier_loss(
            logits[2 * n : 2 * n + m],
            logits[2 * n + m :],
            self.inlier[positions],
            threshold=self.threshold,
            temperature=self.temperature,
        )
        return StepOutput(loss + self.fix_weight * fix, features[:n].detach())
