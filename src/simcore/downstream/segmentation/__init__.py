"""Foreground against background: DeepLabV3+ on an encoder."""

from simcore.downstream.segmentation.deeplab import DeepLab
from simcore.downstream.segmentation.fitting import (
    LEARNING_RATES,
    SegmentationRecipe,
    fit_segmenter,
    measure_segmenter,
)
from simcore.downstream.segmentation.judging import PROTOCOLS, train_and_segment
from simcore.downstream.segmentation.masks import (
    CLASSES,
    IGNORED,
    MaskedTarget,
    Masks,
    masked_part,
    read_masked_target,
    read_masks,
)
from simcore.downstream.segmentation.overlays import LEGEND, draw_grid, overlay_mask
from simcore.downstream.segmentation.pyramid import FeaturePyramid
from simcore.downstream.segmentation.scoring import (
    SegmentationOutcome,
    count_pixels,
    intersection_over_union,
    mean_iou,
)
from simcore.downstream.segmentation.segmenter import Segmenter
from simcore.downstream.segmentation.views import CropSettings, JointViews, centre_view

__all__ = [
    "CLASSES",
    "IGNORED",
    "LEARNING_RATES",
    "LEGEND",
    "PROTOCOLS",
    "CropSettings",
    "DeepLab",
    "FeaturePyramid",
    "JointViews",
    "MaskedTarget",
    "Masks",
    "SegmentationOutcome",
    "SegmentationRecipe",
    "Segmenter",
    "centre_view",
    "count_pixels",
    "draw_grid",
    "fit_segmenter",
    "intersection_over_union",
    "masked_part",
    "mean_iou",
    "measure_segmenter",
    "overlay_mask",
    "read_masked_target",
    "read_masks",
    "train_and_segment",
]
