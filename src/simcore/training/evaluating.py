"""A look at a module in training that leaves no trace."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def evaluating(module: nn.Module, *, device: torch.device) -> Iterator[None]:
    """Put `module` into evaluation mode, without gradients, and put everything back afterwards.

    The mode of each submodule and the global generators of torch are as before; batch norm uses its running
    statistics and does not move them.

    Args:
        module: Module in training.
        device: Where it is; the generator of a GPU is put back too.

    Example:
        >>> module = nn.BatchNorm1d(2)
        >>> with evaluating(module, device=torch.device("cpu")):
        ...     module.training
        False
        >>> module.training
        True
    """
    modes = [(part, part.training) for part in module.modules()]
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
        module.eval()
        try:
            yield
        finally:
            for part, mode in modes:
                part.training = mode
