"""States of networks: what they hold, by one number, and how they get into a network."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from simcore.errors import ArtefactError

_LISTED = 8


def state_fingerprint(state: Mapping[str, Tensor]) -> str:
    """Return the sha256 (hex) of names, types, shapes and bytes of a state, in whatever order.

    Example:
        >>> state_fingerprint({"a": torch.zeros(1)}) == state_fingerprint({"a": torch.ones(1)})
        False
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().to("cpu").contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def listed(names: list[str]) -> str:
    """Return the first names, comma-separated, and how many more there are.

    Example:
        >>> listed(["a", "b"])
        'a, b'
    """
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def load_state(module: nn.Module, state: Mapping[str, Tensor], *, source: str, architecture: str) -> None:
    """Load `state` into `module`, every key and shape in its place.

    Raises:
        ArtefactError: If keys are missing or unexpected or shapes differ; the message lists them.
    """
    own = module.state_dict()
    missing = sorted(set(own) - set(state))
    unexpected = sorted(set(state) - set(own))
    shapes = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        for name in sorted(set(own) & set(state))
        if state[name].shape != own[name].shape
    ]
    problems = [
        f"{word}: {listed(names)}"
        for word, names in (
            ("missing keys", missing),
            ("unexpected keys", unexpected),
            ("other shapes", shapes),
        )
        if names
    ]
    if problems:
        raise ArtefactError(f"The weights in {source} do not fit `{architecture}`; {'; '.join(problems)}.")
    module.load_state_dict(dict(state), strict=True)
