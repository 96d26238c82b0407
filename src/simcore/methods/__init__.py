"""Self-supervised methods: each a module that turns views into a loss."""

from simcore.methods.base import Method, StepOutput
from simcore.methods.byol import BYOL
from simcore.methods.dino import DINO
from simcore.methods.ehns import EHNS
from simcore.methods.ehns_m import EHNSm
from simcore.methods.hns import HNS
from simcore.methods.mae import MAE
from simcore.methods.moment import Moment
from simcore.methods.registry import METHODS, create_method
from simcore.methods.simclr import SimCLR
from simcore.methods.swav import SwAV

__all__ = [
    "BYOL",
    "DINO",
    "EHNS",
    "HNS",
    "MAE",
    "METHODS",
    "EHNSm",
    "Method",
    "Moment",
    "SimCLR",
    "StepOutput",
    "SwAV",
    "create_method",
]
