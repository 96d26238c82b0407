"""What the methods that learn from labelled and unlabelled images share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from simcore.downstream.semi_supervised.interleaving import interleave, join, still_statistics
from simcore.methods import Moment
from simcore.supervised import Classifier
from simcore.supervised.classifier import Head


@dataclass(frozen=True)
class Known:
    """What is known of the images before a training.

    Attributes:
        class_count: c.
        shares: Share of each class among the labelled images.
        unlabelled_count: Unlabelled images.
    """

    class_count: int
    shares: tuple[float, ...]
    unlabelled_count: int


class SemiSupervised(Classifier):
    """A classifier that learns from unlabelled images too.

    A step gives it labelled images (one weakly augmented view and the class), then views of unlabelled images and their
    positions. With several processes each mixes and normalises its own part of both batches.

    Attributes:
        unlabelled_views: Kind (`weak`, `strong`) and number of the views of an unlabelled image, in their order.

    Args:
        backbone: See `Classifier`, as `seed` and `head`; trained along.
        known: See `Known`.
        seed: Of the linear layer.
        head: Kind of layer.
    """

    unlabelled_views: ClassVar[tuple[tuple[str, int], ...]] = ()

    def __init__(self, backbone: nn.Module, *, known: Known, seed: int, head: Head = "linear") -> None:
        super().__init__(backbone, class_count=known.class_count, seed=seed, head=head)
        self.known = known
        self._ramp = 1.0
        self._seen: dict[str, Tensor] = {}

    @property
    def view_counts(self) -> tuple[int, ...]:
        """A view and a class of labelled images; the views and positions of unlabelled ones where they are used."""
        counts = tuple(count for _, count in self.unlabelled_views)
        return (1, 1, *counts, 1) if counts else (1, 1)

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """What decides the training beside the settings."""
        return {**super().hyper_parameters, "unlabelled_count": self.known.unlabelled_count, **self.own_settings}

    @property
    def own_settings(self) -> dict[str, Any]:
        """The settings of the method itself."""
        return {}

    def before_step(self, moment: Moment) -> None:
        """Let the weight of unlabelled images rise linearly over the run, where the method weighs them by it."""
        self._ramp = moment.share

    def curves(self) -> dict[str, float]:
        """Return the parts of the loss of the last pass, and what else the method says of it."""
        return {name: float(value) for name, value in self._seen.items()}

    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features `(n, d)` and float32 logits `(n, c)`."""
        features = self.features(images)
        return features, self._logits(features)[0].float()

    def guess(self, *views: Tensor) -> Tensor:
        """Return the mean of the class probabilities over the views, `(n, c)`, without gradient.

        Each view passes by itself; running statistics of batch norm stay.
        """
        with torch.no_grad(), still_statistics(self):
            return torch.stack([self.predict(view)[1].softmax(dim=1) for view in views]).mean(dim=0)

    def predict_interleaved(self, images: Tensor, *, parts: int) -> tuple[Tensor, Tensor]:
        """Return what `predict` does, by passes in which labelled and unlabelled images are mixed.

        The first one moves the running statistics of batch norm.
        """
        first, *others = interleave(images, parts=parts)
        found = [self.predict(first)]
        with still_statistics(self):
            found += [self.predict(part) for part in others]
        features, logits = zip(*found, strict=True)
        return join(list(features)), join(list(logits))

    def one_hot(self, classes: Tensor) -> Tensor:
        """Return the classes as float32 `(n, c)`."""
        return nn.functional.one_hot(classes, self.known.class_count).float()

    def note(self, **values: Tensor) -> None:
        """Keep what `curves` says of this pass."""
        self._seen = {name: value.detach() for name, value in values.items()}


def mix_partners(count: int) -> Tensor:
    """Return a random partner for each of `count` rows, `(count,)` int64, drawn on the CPU."""
    return torch.randperm(count)


def split_views(views: Sequence[Tensor]) -> tuple[Tensor, Tensor, list[Tensor], Tensor]:
    """Return labelled images, their classes, the views of unlabelled images, and their positions."""
    labelled, classes, *unlabelled, positions = views
    return labelled, classes, unlabelled, positions
