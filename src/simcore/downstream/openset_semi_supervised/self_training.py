"""Self-training: a student learns from the labels and from what a teacher says of unlabelled images."""

import copy
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from simcore.downstream.network import ClassNetwork
from simcore.methods import Method, StepOutput
from simcore.methods.checks import check_setting
from simcore.supervised import Classifier
from simcore.supervised.classifier import Head


def distillation(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """Return the cross-entropy of the student against the teacher's softened probabilities, mean over images.

    Args:
        student: Logits `(n, c)`.
        teacher: Likewise; it gets no gradient.
        temperature: Divides both.

    Example:
        >>> round(distillation(torch.zeros(2, 2), torch.zeros(2, 2), temperature=1.0).item(), 4)
        0.6931
    """
    target = (teacher.detach() / temperature).softmax(dim=1)
    return nn.functional.cross_entropy(student / temperature, target)


class SelfTraining(Method):
    """A student beside a frozen teacher: `(1 - l) CE(labels) + l CE(student / T, softmax(teacher / T))`.

    Appendix B.4 of the SimCore paper, with l = 0.5 and T = 1. The teacher is a classifier trained on the labelled
    images alone; it names no class that is not X's, so that it says something of every outlier too, at full weight. It
    sees the same weak view as the student, in evaluation mode. Labelled and unlabelled images pass through the student
    as one batch.

    The published code keeps the teacher of the epoch that is best on the *test* images; here it is that of the last
    epoch, since a choice on the test images makes the result look better than the method is.

    Args:
        backbone: Of the student; trained in place.
        teacher: A copy of it is kept and stays as it is.
        class_count: c.
        seed: Of the student's first linear weights.
        head: Kind of the student's layer.
        weight: l, between 0 and 1.
        temperature: T.

    Raises:
        InputError: A setting is out of range.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> backbones = [create_backbone("resnet10_small", image_size=16, seed=seed) for seed in (0, 1)]
        >>> teacher = Classifier(backbones[1], class_count=3, seed=0)
        >>> method = SelfTraining(backbones[0], teacher, class_count=3, seed=0)
        >>> lot = [torch.zeros(4, 3, 16, 16), torch.tensor([0, 1, 2, 0]), torch.zeros(6, 3, 16, 16)]
        >>> method(lot).features.shape
        torch.Size([4, 128])
    """

    name: ClassVar[str] = "self_training"

    def __init__(
        self,
        backbone: nn.Module,
        teacher: Classifier,
        *,
        class_count: int,
        seed: int,
        head: Head = "linear",
        weight: float = 0.5,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        check_setting(0 <= weight <= 1, "weight", weight, "from 0 to 1")
        check_setting(temperature > 0, "temperature", temperature, "above 0")
        self.weight, self.temperature = weight, temperature
        self.student = ClassNetwork(backbone, class_count=class_count, seed=seed, head=head)
        self.teacher: Classifier = copy.deepcopy(teacher).requires_grad_(False)
        self.train()

    @property
    def view_counts(self) -> tuple[int, ...]:
        """One view of labelled images and their classes, one of unlabelled ones."""
        return (1, 1, 1)

    @property
    def encoder(self) -> nn.Module:
        """The student's encoder."""
        return self.student.backbone

    @property
    def probed(self) -> nn.Module:
        """The method as a whole: it says `logits`."""
        return self

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """What decides the training beside the settings."""
        return {"weight": self.weight, "temperature": self.temperature}

    def train(self, mode: bool = True) -> "SelfTraining":
        """Set the mode of the student; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def logits(self, images: Tensor) -> Tensor:
        """Return `(1, n, c)` by the student."""
        return self.student.logits(images)

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of labelled images, their classes `(n,)` and unlabelled images."""
        self._check_views(views)
        labelled, classes, unlabelled = views
        with torch.no_grad():
            said = self.teacher.logits(unlabelled)[0]
        features, logits = self.student.predict(torch.cat([labelled, unlabelled]))
        n = len(labelled)
        supervised = nn.functional.cross_entropy(logits[:n], classes)
        distilled = distillation(logits[n:], said, temperature=self.temperature)
        return StepOutput((1 - self.weight) * supervised + self.weight * distilled, features[:n].detach())
