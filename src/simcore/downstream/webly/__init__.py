"""Labels that are not all right, such as those of the web: co-teaching, DivideMix."""

from simcore.downstream.webly.agreement import measure_agreement
from simcore.downstream.webly.class_names import canonical_name, match_classes
from simcore.downstream.webly.co_teaching import CoTeaching, forget_rate, smallest
from simcore.downstream.webly.dividemix import DivideMix, prior_penalty, refine
from simcore.downstream.webly.dividing import Divide
from simcore.downstream.webly.fitting import WeblyTask, fit_webly, judge_webly_method, split_images
from simcore.downstream.webly.mixture import Mixture, fit_mixture
from simcore.downstream.webly.noise import plant_noise
from simcore.downstream.webly.recipes import WeblyRecipe
from simcore.downstream.webly.registry import PLAIN, WEBLY_METHODS

__all__ = [
    "PLAIN",
    "WEBLY_METHODS",
    "CoTeaching",
    "Divide",
    "DivideMix",
    "Mixture",
    "WeblyRecipe",
    "WeblyTask",
    "canonical_name",
    "fit_mixture",
    "fit_webly",
    "forget_rate",
    "judge_webly_method",
    "match_classes",
    "measure_agreement",
    "plant_noise",
    "prior_penalty",
    "refine",
    "smallest",
    "split_images",
]
