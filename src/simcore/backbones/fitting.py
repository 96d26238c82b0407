"""Fitting a state dict from anywhere to an encoder network: names, wrappers, heads, position embedding."""

import logging
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor, nn

from simcore.backbones.layouts import FOREIGN, Layout
from simcore.backbones.state import listed, load_state
from simcore.errors import ArtefactError

LOGGER = logging.getLogger(__name__)

# What stands on an encoder or beside it in training, and is no part of it.
_HEADS = re.compile(
    r"^(fc|heads?|head_dist|classifier|linear|projector|projection(_head)?|predictor|prediction_head|prototypes"
    r"|contrastive_head|decoder(_.+)?|mask_token|queue(_.+)?)(\.|$)"
)
# Of two networks in one file the one that follows the other is not meant, and the student of a teacher.
_SECOND = re.compile(r"(^|[._])(momentum|target|student|k|key|ema)(?=[._]|$)")

_COUNTER = "num_batches_tracked"


def fit_weights(module: nn.Module, state: Mapping[str, Tensor], *, source: str, architecture: str) -> list[str]:
    """Load `state` into `module`, whatever its names are wrapped in; return remarks on what was done to it.

    The prefix of a wrapper (`module.`, `backbone.`, `encoder_q.`, ...) and the layout (timm's, torchvision's) are
    those under which most of the names of the network are found. Classifiers and projection heads are left out
    and named in the log. A position embedding of another image size is resampled. After that every name and shape
    must be in its place.

    Args:
        module: From `create_backbone`; changed in place, and left as it was on an error.
        state: Tensors by name.
        source: Where they come from, for messages.
        architecture: The name `module` was created by, for messages.

    Raises:
        ArtefactError: If names are missing or left over, or shapes differ (all are listed); or if the file holds
            several such networks.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> network, other = (create_backbone("resnet10_small", seed=seed) for seed in (0, 1))
        >>> wrapped = {f"module.{name}": tensor for name, tensor in other.state_dict().items()}
        >>> fit_weights(network, {**wrapped, "module.fc.bias": torch.zeros(5)}, source="a file", architecture="x")
        ['names without `module.`', 'left out fc.bias']
    """
    own = module.state_dict()
    prefix, layout, found = _best_reading(state, own, source=source)
    remarks = []
    if prefix:
        remarks.append(f"names without `{prefix}`")
    if layout is not None:
        remarks.append(f"names translated from {layout.name}")
    outside = [name for name in state if not name.startswith(prefix)]
    heads = [name for name in found if name not in own and _HEADS.match(name)]
    if outside or heads:
        remarks.append(f"left out {listed(heads + outside)}")
        LOGGER.info("Weights of %s that are no part of `%s`: %s", source, architecture, ", ".join(heads + outside))
    fitted = {name: tensor for name, tensor in found.items() if name not in heads}
    counters = [name for name in own if name.endswith(_COUNTER) and name not in fitted]
    if counters and len(fitted) + len(counters) == len(own):
        # Files of before PyTorch 0.4.1; the counters do not enter the output.
        fitted.update({name: torch.zeros_like(own[name]) for name in counters})
        remarks.append("batch norm counters set to zero")
    resampled = _resampled_positions(module, fitted)
    if resampled is not None:
        remarks.append(
            f"position embedding resampled from {fitted['pos_embed'].shape[1]} to {resampled.shape[1]} tokens"
        )
        fitted["pos_embed"] = resampled
    load_state(module, fitted, source=source, architecture=architecture)
    LOGGER.info("Loaded %s into `%s`; %s", source, architecture, "; ".join(remarks) or "names as they are")
    return remarks


def _prefixes(state: Mapping[str, Tensor], marker: str) -> Iterator[str]:
    for name in state:
        if name == marker or name.endswith(f".{marker}"):
            yield name.removesuffix(marker)


def _inside(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _best_reading(
    state: Mapping[str, Tensor], own: Mapping[str, Tensor], *, source: str
) -> tuple[str, Layout | None, dict[str, Tensor]]:
    names = list(own)
    readings: dict[tuple[str, Layout | None], dict[str, Tensor]] = {("", None): dict(state)}
    for marker in (names[0], names[-1]):
        for prefix in _prefixes(state, marker):
            readings.setdefault((prefix, None), _inside(state, prefix))
    for layout in FOREIGN:
        for prefix in _prefixes(state, layout.marker):
            readings[prefix, layout] = layout.translate(_inside(state, prefix))

    def rank(key: tuple[str, Layout | None]) -> tuple[int, bool]:
        return len(own.keys() & readings[key].keys()), _SECOND.search(key[0]) is None

    best = max(readings, key=rank)
    equals = sorted({key[0] for key in readings if rank(key) == rank(best)})
    if rank(best)[0] and len(equals) > 1:
        raise ArtefactError(
            f"{source} holds several networks that fit, under {', '.join(f'`{prefix}`' for prefix in equals)}; "
            "give a file with one of them."
        )
    return (*best, readings[best])


def _resampled_positions(module: nn.Module, state: Mapping[str, Tensor]) -> Tensor | None:
    """Return the position embedding of `state` for the grid of `module`; None if it fits or cannot be resampled."""
    model: Any = module
    own, given = model.state_dict().get("pos_embed"), state.get("pos_embed")
    grid = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    if own is None or given is None or grid is None or own.shape == given.shape or own.ndim != given.ndim:
        return None
    n_prefix = own.shape[1] - grid[0] * grid[1]
    side = math.isqrt(max(given.shape[1] - n_prefix, 0))
    if given.shape[2] != own.shape[2] or side < 1 or side * side != given.shape[1] - n_prefix:
        return None
    return resample_abs_pos_embed(given, new_size=list(grid), old_size=[side, side], num_prefix_tokens=n_prefix)
