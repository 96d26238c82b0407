"""How the methods of webly-supervised learning are trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simcore.evaluation import Sight
from simcore.training import TrainingSettings


@dataclass(frozen=True)
class WeblyRecipe:
    """How one method is trained.

    Attributes:
        method: One of `WEBLY_METHODS`.
        epochs: Passes over the images.
        batch_size: Images a step; all of them where there are fewer.
        learning_rate: At the start of a cosine to zero.
        weight_decay: Of all parameters.
        precision: `float32` or `bfloat16`.
        options: Further arguments of the method.
    """

    method: str
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    precision: str = "float32"
    options: Mapping[str, Any] = field(default_factory=dict)

    def settings(self, n: int, *, sight: Sight, mean: Any, std: Any, watched: bool) -> TrainingSettings:
        """Return the settings of a run on `n` images."""
        values: dict[str, Any] = {
            "epochs": self.epochs,
            "batch_size": min(self.batch_size, n),
            "drop_last": False,
            "optimiser": "sgd",
            "learning_rate": self.learning_rate,
            "schedule": "cosine",
            "weight_decay": self.weight_decay,
            "precision": self.precision,
            "mean": tuple(mean),
            "std": tuple(std),
            **sight.machine,
        }
        settings = TrainingSettings(**values)
        return settings.model_copy(update={"probe_every_steps": settings.steps_per_epoch(n)}) if watched else settings
