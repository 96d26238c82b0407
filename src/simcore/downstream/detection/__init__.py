"""Detection: RetinaNet on an encoder, trained on boxes by the loop that pretrains, and its average precision."""

from simcore.downstream.detection.annotations import Annotations, Objects, read_annotations
from simcore.downstream.detection.detector import Detector
from simcore.downstream.detection.drawing import LEGEND, draw_boxes
from simcore.downstream.detection.fitting import Found, find_objects, fit_detector
from simcore.downstream.detection.scoring import coco_precision, integrated_precision, score_records
from simcore.downstream.detection.views import BoxViews, BoxViewSettings, shown_size

__all__ = [
    "LEGEND",
    "Annotations",
    "BoxViewSettings",
    "BoxViews",
    "Detector",
    "Found",
    "Objects",
    "coco_precision",
    "draw_boxes",
    "find_objects",
    "fit_detector",
    "integrated_precision",
    "read_annotations",
    "score_records",
    "shown_size",
]
