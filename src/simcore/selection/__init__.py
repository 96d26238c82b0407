"""Selection: from a target's centroids and an open-set to an exact, explained coreset."""

from simcore.selection.baselines import select_by_label, select_random
from simcore.selection.centroids import Clustering, fit_centroids, fit_clustering
from simcore.selection.coreset import select_coreset
from simcore.selection.explaining import Explanation, nearest_targets
from simcore.selection.lists import CandidateLists, merge
from simcore.selection.replaying import TooFewRoundsError, replay
from simcore.selection.result import Certificate, Selection
from simcore.selection.rules import IMAGES_PER_TARGET, budget_in_images
from simcore.selection.scanning import scan
from simcore.selection.stops import StopRule, stop_rule, stop_rule_names

__all__ = [
    "IMAGES_PER_TARGET",
    "CandidateLists",
    "Certificate",
    "Clustering",
    "Explanation",
    "Selection",
    "StopRule",
    "TooFewRoundsError",
    "budget_in_images",
    "fit_centroids",
    "fit_clustering",
    "merge",
    "nearest_targets",
    "replay",
    "scan",
    "select_by_label",
    "select_coreset",
    "select_random",
    "stop_rule",
    "stop_rule_names",
]
