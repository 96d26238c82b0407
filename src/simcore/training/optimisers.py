"""Optimisers by name, with the parameter groups of the paper's runs."""

from typing import Any

import torch
from torch import nn

from simcore.training.settings import TrainingSettings


def create_optimiser(module: nn.Module, *, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return the optimiser that `settings` name over the parameters of `module` that take a gradient.

    SGD (Nesterov) and Adam decay every parameter; AdamW leaves out biases and norms, that is parameters with
    one dimension (as the SimCore paper's runs).

    Example:
        >>> settings = TrainingSettings(steps=1, optimiser="adamw")
        >>> optimiser = create_optimiser(nn.Linear(2, 2), settings=settings)
        >>> [group["weight_decay"] for group in optimiser.param_groups]
        [0.0001, 0.0]
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    common: dict[str, Any] = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    if settings.optimiser == "sgd":
        return torch.optim.SGD(parameters, momentum=settings.momentum, nesterov=True, **common)
    if settings.optimiser == "adam":
        return torch.optim.Adam(parameters, betas=settings.betas, **common)
    groups: list[dict[str, Any]] = [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1]},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], betas=settings.betas, **common)
