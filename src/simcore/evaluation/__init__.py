"""Evaluation of encoders: linear layer, nearest neighbours, fine-tuning, other labels, label-free measures."""

from simcore.evaluation.attributes import add_deflated_mean, attribute_columns
from simcore.evaluation.features import encode_store
from simcore.evaluation.knn import knn
from simcore.evaluation.label_free import (
    alignment,
    effective_rank,
    feature_spread,
    label_free_records,
    nearest_rows,
    uniformity,
)
from simcore.evaluation.labels import find_classes
from simcore.evaluation.linear import linear_probe
from simcore.evaluation.metrics import headline_metrics
from simcore.evaluation.outcome import Outcome
from simcore.evaluation.pixels import pixel_features
from simcore.evaluation.protocols import Protocol
from simcore.evaluation.training import LINEAR, RECIPES, Recipe, Sight, shortened, train_and_judge

__all__ = [
    "LINEAR",
    "RECIPES",
    "Outcome",
    "Protocol",
    "Recipe",
    "Sight",
    "add_deflated_mean",
    "alignment",
    "attribute_columns",
    "effective_rank",
    "encode_store",
    "feature_spread",
    "find_classes",
    "headline_metrics",
    "knn",
    "label_free_records",
    "linear_probe",
    "nearest_rows",
    "pixel_features",
    "shortened",
    "train_and_judge",
    "uniformity",
]
