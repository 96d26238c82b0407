"""Pretraining: one loop for all methods, resumable to the bit."""

from simcore.training.batches import BatchStream
from simcore.training.checkpoints import remove_work
from simcore.training.data import MakeViews
from simcore.training.export import export_encoder
from simcore.training.health import NonFiniteError, feature_spread
from simcore.training.loop import TrainingResult, pretrain
from simcore.training.reporter import Reporter, SilentReporter
from simcore.training.schedules import cosine_learning_rate
from simcore.training.settings import TrainingSettings

__all__ = [
    "BatchStream",
    "MakeViews",
    "NonFiniteError",
    "Reporter",
    "SilentReporter",
    "TrainingResult",
    "TrainingSettings",
    "cosine_learning_rate",
    "export_encoder",
    "feature_spread",
    "pretrain",
    "remove_work",
]
