"""One way to name a device, and to count what there is."""

import os

import torch

from simcore.errors import InputError

_ALLOWED = "auto, cpu, cuda, cuda:<number> and mps"


def choose_device(name: str | torch.device) -> torch.device:
    """Return the device called `name`; `auto` is a CUDA GPU if there is one, else the CPU.

    Raises:
        InputError: If the name is unknown, or a GPU is asked for that is not there.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"`device` is {str(name)!r}; allowed are {_ALLOWED}.") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"`device` is {str(name)!r}; allowed are {_ALLOWED}.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"`device` is {str(name)!r}, but PyTorch sees no CUDA GPU here; use auto or cpu.")
    if device.type == "cuda" and device.index is not None and device.index >= torch.cuda.device_count():
        raise InputError(
            f"`device` is {str(name)!r}, but PyTorch sees only {torch.cuda.device_count()} CUDA GPU(s) here, "
            "counted from cuda:0; use a lower number."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError(f"`device` is {str(name)!r}, but PyTorch sees no Apple GPU here; use auto or cpu.")
    return device


def usable_cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else (os.cpu_count() or 1)
