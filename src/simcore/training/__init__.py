"""Pretraining: one loop for all methods, resumable to the bit."""

from simcore.training.batches import BatchStream
from simcore.training.beside import Beside
from simcore.training.checkpoints import remove_work
from simcore.training.data import Images, MakeDeviceViews, MakeViews
from simcore.training.export import export_encoder
from simcore.training.health import NonFiniteError, feature_spread
from simcore.training.loop import pretrain
from simcore.training.refreshing import Refresh
from simcore.training.renewal import Renewal
from simcore.training.reporter import Reporter, SilentReporter
from simcore.training.schedules import cosine, cosine_learning_rate
from simcore.training.settings import TrainingSettings
from simcore.training.trainer import Probe, TrainingResult

__all__ = [
    "BatchStream",
    "Beside",
    "Images",
    "MakeDeviceViews",
    "MakeViews",
    "NonFiniteError",
    "Probe",
    "Refresh",
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
