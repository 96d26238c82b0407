"""Methods that learn from labelled and unlabelled images, by name."""

import inspect
from typing import Any

from torch import nn

from simcore.downstream.semi_supervised.base import Known, SemiSupervised
from simcore.downstream.semi_supervised.fixmatch import FixMatch
from simcore.downstream.semi_supervised.flexmatch import FlexMatch
from simcore.downstream.semi_supervised.mixmatch import MixMatch
from simcore.downstream.semi_supervised.remixmatch import ReMixMatch
from simcore.downstream.semi_supervised.supervised import Supervised
from simcore.errors import InputError
from simcore.supervised.classifier import Head

# One line adds a method.
SEMI_SUPERVISED: dict[str, type[SemiSupervised]] = {
    Supervised.name: Supervised,
    MixMatch.name: MixMatch,
    ReMixMatch.name: ReMixMatch,
    FixMatch.name: FixMatch,
    FlexMatch.name: FlexMatch,
}


def find_semi_supervised(name: str) -> type[SemiSupervised]:
    """Return the class of the method `name`.

    Raises:
        InputError: There is none.

    Example:
        >>> find_semi_supervised("fixmatch").unlabelled_views
        (('weak', 1), ('strong', 1))
    """
    if name not in SEMI_SUPERVISED:
        raise InputError(f"Unknown semi-supervised method `{name}`; choose from {', '.join(SEMI_SUPERVISED)}.")
    return SEMI_SUPERVISED[name]


def create_semi_supervised(
    name: str, backbone: nn.Module, *, known: Known, seed: int, head: Head = "linear", **settings: Any
) -> SemiSupervised:
    """Return the method `name` on `backbone`.

    Args:
        name: Key of `SEMI_SUPERVISED`.
        backbone: See `SemiSupervised`, as the next three.
        known: Likewise.
        seed: Likewise.
        head: Likewise.
        settings: Further keyword arguments of the method's class.

    Raises:
        InputError: The name or a setting is unknown, or a value is not allowed.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> backbone = create_backbone("resnet10_small", image_size=32, seed=0)
        >>> create_semi_supervised("fixmatch", backbone, known=Known(2, (0.5, 0.5), 9), seed=0, threshold=0.8).threshold
        0.8
    """
    found = find_semi_supervised(name)
    allowed = sorted(set(inspect.signature(found).parameters) - {"backbone", "known", "seed", "head"})
    unknown = sorted(set(settings) - set(allowed))
    if unknown:
        raise InputError(
            f"Method `{name}` has no setting {', '.join(f'`{word}`' for word in unknown)}; it takes "
            f"{', '.join(allowed) or 'none'}."
        )
    return found(backbone, known=known, seed=seed, head=head, **settings)
