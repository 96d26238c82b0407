"""One way to name a device."""

import torch

from simcore.errors import InputError


def choose_device(name: str | torch.device) -> torch.device:
    """Return the device called `name`; `auto` is a CUDA GPU if there is one, else the CPU.

    Raises:
        InputError: If the name is unknown, or a GPU is asked for where there is none.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    if isinstance(name, torch.device):
        return name
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"`device` is {name!r}; allowed are auto, cpu, cuda, cuda:<number> and mps.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"`device` is {name!r}, but PyTorch sees no CUDA GPU here; use auto or cpu.")
    return device
