"""Pretraining: one loop for all methods, resumable to the bit."""

from simcore.training.batches import BatchStream
from simcore.training.checkpoints import remove_work
from simcore.training.data import Images, MakeDeviceViews, MakeViews
from simcore.training.export import export_encoder
from simcore.training.health import NonFiniteError, feature_spread
from simcore.training.loop import Probe, TrainingResult, pretrain
from simcore.training.renewal import Renewal
from simcore.training.reporter import Reporter, SilentReporter
from simcore.training.schedules import cosine, cosine_learning_rate
from simcore.training.settings import TrainingSettings

__all__ = [
    "BatchStream",
    "Images",
    "MakeDeviceViews",
    "MakeViews",
    "NonFiniteError",
    "Probe",
    "Renewal",
    "Reporter",
    "SilentReporter",
    "TrainingResult",
    "TrainingSettings",
    "cosine",
    "cosine_learning_rate",
    "export_encoder",
    "feature_spread",
    "pretrain",
    "remove_work",
]
