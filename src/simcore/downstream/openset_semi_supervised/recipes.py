"""How the methods of open-set semi-supervised learning are trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simcore.evaluation import Sight
from simcore.training import TrainingSettings


@dataclass(frozen=True)
class Schedule:
    """Length, rate and batches of a training on labelled and unlabelled images.

    An epoch is a number of steps, whatever the number of images, as in the literature.

    Attributes:
        epochs: Number of epochs.
        epoch_steps: Steps of one.
        batch_size: Labelled images a step; all of them where there are fewer.
        unlabelled_ratio: Unlabelled images a step over labelled ones (mu); all of them where there are fewer.
        learning_rate: At the start of a cosine to zero.
        weight_decay: Of all parameters.
        precision: `float32` or `bfloat16`.
    """

    epochs: int
    epoch_steps: int
    batch_size: int
    unlabelled_ratio: float
    learning_rate: float
    weight_decay: float
    precision: str = "float32"

    def settings(self, n: int, *, sight: Sight, mean: Any, std: Any, watched: bool) -> TrainingSettings:
        """Return the settings of a run with `n` labelled images."""
        values: dict[str, Any] = {
            "steps": self.epochs * self.epoch_steps,
            "batch_size": min(self.batch_size, n),
            "optimiser": "sgd",
            "learning_rate": self.learning_rate,
            "schedule": "cosine",
            "weight_decay": self.weight_decay,
            "precision": self.precision,
            "mean": tuple(mean),
            "std": tuple(std),
            "probe_every_steps": self.epoch_steps if watched else None,
            **sight.machine,
        }
        return TrainingSettings(**values)

    def beside_size(self, labelled: int, unlabelled: int, *, parts: int = 1) -> int:
        """Return the unlabelled images of a step, a multiple of the parts that a batch is cut into."""
        wanted = max(2 * parts, round(min(self.batch_size, labelled) * self.unlabelled_ratio))
        return min(wanted, unlabelled) // parts * parts


@dataclass(frozen=True)
class SelfTrainingRecipe:
    """How a teacher and its student are trained.

    Attributes:
        schedule: Of the student.
        teacher_epochs: Passes over the labelled images.
        teacher_batch_size: Labelled images a step of the teacher, at most.
        weight: Of the teacher's words in the student's loss; the labels have the rest.
        temperature: Of both.
    """

    schedule: Schedule
    teacher_epochs: int
    teacher_batch_size: int
    weight: float = 0.5
    temperature: float = 1.0

    def teacher_settings(self, n: int, *, sight: Sight) -> TrainingSettings:
        """Return the settings of the teacher's run on `n` images; `fit_classifier` fills in mean and deviation."""
        return TrainingSettings(
            epochs=self.teacher_epochs,
            batch_size=min(self.teacher_batch_size, n),
            drop_last=False,
            learning_rate=self.schedule.learning_rate,
            weight_decay=self.schedule.weight_decay,
            precision=self.schedule.precision,  # type: ignore[arg-type] # checked by the model
            **sight.machine,
        )


@dataclass(frozen=True)
class OpenMatchRecipe:
    """How OpenMatch is trained.

    Attributes:
        schedule: Length, rate, batches.
        fix_after_epochs: Epochs before the first pseudo-inliers are chosen; from then on they are in every epoch.
        rand_augment: Operations and magnitude of the strong view.
        options: Weights and thresholds of `OpenMatch`.
    """

    schedule: Schedule
    fix_after_epochs: int
    rand_augment: tuple[int, int] = (2, 10)
    options: Mapping[str, float] | None = None

    def refresh_steps(self) -> tuple[int, ...]:
        """Return the steps after which pseudo-inliers are chosen anew."""
        schedule = self.schedule
        return tuple(epoch * schedule.epoch_steps for epoch in range(self.fix_after_epochs, schedule.epochs))
