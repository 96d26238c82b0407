"""Self-supervised methods by name."""

import inspect
from typing import Any

from torch import nn

from simcore.errors import InputError
from simcore.methods.base import Method
from simcore.methods.byol import BYOL
from simcore.methods.dino import DINO
from simcore.methods.ehns import EHNS
from simcore.methods.ehns_m import EHNSm
from simcore.methods.hns import HNS
from simcore.methods.mae import MAE
from simcore.methods.simclr import SimCLR
from simcore.methods.swav import SwAV

# One line adds a method.
METHODS: dict[str, type[Method]] = {
    BYOL.name: BYOL,
    DINO.name: DINO,
    EHNS.name: EHNS,
    EHNSm.name: EHNSm,
    HNS.name: HNS,
    MAE.name: MAE,
    SimCLR.name: SimCLR,
    SwAV.name: SwAV,
}


def create_method(name: str, backbone: nn.Module, **settings: Any) -> Method:
    """Return the method `name` on `backbone`.

    Args:
        name: Key of `METHODS`.
        backbone: Network from `create_backbone`.
        settings: Keyword arguments of the method's class.

    Raises:
        InputError: If the name or a setting is unknown, or a value is not allowed.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> create_method("simclr", create_backbone("resnet10_small"), temperature=0.2).hyper_parameters
        {'temperature': 0.2, 'projection_dim': 128}
    """
    if name not in METHODS:
        raise InputError(f"Unknown method `{name}`. Choose one of {', '.join(sorted(METHODS))}.")
    allowed = set(inspect.signature(METHODS[name]).parameters) - {"backbone"}
    unknown = sorted(set(settings) - allowed)
    if unknown:
        raise InputError(
            f"Method `{name}` has no setting {', '.join(f'`{word}`' for word in unknown)}; it takes "
            f"{', '.join(sorted(allowed))}."
        )
    return METHODS[name](backbone, **settings)
