"""Evaluation of encoders: linear layer, nearest neighbours, label-free measures."""

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
from simcore.evaluation.linear import linear_probe
from simcore.evaluation.pixels import pixel_features

__all__ = [
    "alignment",
    "effective_rank",
    "encode_store",
    "feature_spread",
    "knn",
    "label_free_records",
    "linear_probe",
    "nearest_rows",
    "pixel_features",
    "uniformity",
]
