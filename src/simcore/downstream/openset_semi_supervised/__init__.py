"""Few labels and an open-set beside: self-training, OpenMatch."""

from simcore.downstream.openset_semi_supervised.fitting import (
    OpensetTask,
    fit_openmatch,
    fit_self_training,
    judge_openset_method,
)
from simcore.downstream.openset_semi_supervised.one_vs_all import (
    one_vs_all_loss,
    open_entropy,
    outlier_scores,
    soft_consistency,
)
from simcore.downstream.openset_semi_supervised.openmatch import OpenMatch
from simcore.downstream.openset_semi_supervised.outliers import ChooseInliers, outlier_table
from simcore.downstream.openset_semi_supervised.recipes import OpenMatchRecipe, Schedule, SelfTrainingRecipe
from simcore.downstream.openset_semi_supervised.registry import OPENSET_METHODS
from simcore.downstream.openset_semi_supervised.self_training import SelfTraining

__all__ = [
    "OPENSET_METHODS",
    "ChooseInliers",
    "OpenMatch",
    "OpenMatchRecipe",
    "OpensetTask",
    "Schedule",
    "SelfTraining",
    "SelfTrainingRecipe",
    "fit_openmatch",
    "fit_self_training",
    "judge_openset_method",
    "one_vs_all_loss",
    "open_entropy",
    "outlier_scores",
    "outlier_table",
    "soft_consistency",
]
