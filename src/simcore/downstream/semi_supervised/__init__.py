"""Few labels and many images without: MixMatch, ReMixMatch, FixMatch, FlexMatch on an encoder."""

from simcore.downstream.semi_supervised.alignment import align, class_shares
from simcore.downstream.semi_supervised.base import Known, SemiSupervised
from simcore.downstream.semi_supervised.fitting import check_pools, fit_semi_supervised
from simcore.downstream.semi_supervised.fixmatch import FixMatch
from simcore.downstream.semi_supervised.flexmatch import FlexMatch
from simcore.downstream.semi_supervised.judging import SemiSupervisedRecipe, judge_semi_supervised
from simcore.downstream.semi_supervised.mixing import draw_shares, mix
from simcore.downstream.semi_supervised.mixmatch import MixMatch
from simcore.downstream.semi_supervised.registry import (
    SEMI_SUPERVISED,
    create_semi_supervised,
    find_semi_supervised,
)
from simcore.downstream.semi_supervised.remixmatch import ReMixMatch
from simcore.downstream.semi_supervised.sharpening import sharpen
from simcore.downstream.semi_supervised.supervised import Supervised

__all__ = [
    "SEMI_SUPERVISED",
    "FixMatch",
    "FlexMatch",
    "Known",
    "MixMatch",
    "ReMixMatch",
    "SemiSupervised",
    "SemiSupervisedRecipe",
    "Supervised",
    "align",
    "check_pools",
    "class_shares",
    "create_semi_supervised",
    "draw_shares",
    "find_semi_supervised",
    "fit_semi_supervised",
    "judge_semi_supervised",
    "mix",
    "sharpen",
]
