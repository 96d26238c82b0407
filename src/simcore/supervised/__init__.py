"""Training with labels, by the loop that pretrains: classifiers on encoders, frozen or not."""

from simcore.supervised.classifier import Classifier
from simcore.supervised.fitting import fit_classifier, rank_classes
from simcore.supervised.labelled import LabelledViews
from simcore.supervised.subsets import draw_share

__all__ = ["Classifier", "LabelledViews", "draw_share", "fit_classifier", "rank_classes"]
