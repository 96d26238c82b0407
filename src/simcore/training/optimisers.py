"""Optimisers by name, with the parameter groups of the paper's runs."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from simcore.training.settings import TrainingSettings


def create_optimiser(
    module: nn.Module, *, settings: TrainingSettings, rate_scale: Callable[[str], float] = lambda _: 1.0
) -> torch.optim.Optimizer:
    """Return the optimiser that `settings` name over the parameters of `module` that take a gradient.

    SGD (Nesterov) and Adam decay every parameter; AdamW leaves out biases and norms, that is parameters with
    one dimension (as the SimCore paper's runs). A group's `decays` says whether a schedule of the weight decay
    concerns it, its `rate_scale` what the scheduled learning rate is multiplied by.

    Args:
        module: What is trained.
        settings: Optimiser, rates, decay.
        rate_scale: Of a parameter by its name.

    Example:
        >>> settings = TrainingSettings(steps=1, optimiser="adamw")
        >>> optimiser = create_optimiser(nn.Linear(2, 2), settings=settings)
        >>> [group["weight_decay"] for group in optimiser.param_groups]
        [0.0001, 0.0]
    """
    named = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    parameters = list(named.values())
    common: dict[str, Any] = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    # One pass over the weights instead of one for each operation: a tenth of a small network's step on a CPU.
    common["fused"] = all(parameter.device.type in {"cpu", "cuda"} for parameter in parameters)
    adamw = settings.optimiser == "adamw"
    members: dict[tuple[bool, float], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in named.items():
        members[not adamw or parameter.ndim > 1, rate_scale(name)].append(parameter)
    # Those that decay first.
    groups: list[dict[str, Any]] = [
        {
            "params": members[decays, scale],
            "decays": decays,
            "rate_scale": scale,
            **({} if decays else {"weight_decay": 0.0}),
        }
        for decays, scale in sorted(members, key=lambda kind: (not kind[0], kind[1]))
    ]
    if settings.optimiser == "sgd":
        optimiser = torch.optim.SGD(groups, momentum=settings.momentum, nesterov=True, **common)
        # The fused step wants all buffers or none, but frozen parameters (SwAV's prototypes) get their first gradient
        # later than others. From zero, the first update makes the same buffer as without: the gradient.
        for parameter in parameters:
            optimiser.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        return optimiser
    if settings.optimiser == "adam":
        return torch.optim.Adam(groups, betas=settings.betas, **common)
    return torch.optim.AdamW(groups, betas=settings.betas, **common)


def set_schedules(optimiser: torch.optim.Optimizer, *, learning_rate: float, weight_decay: float) -> None:
    """Set the learning rate of all groups, each times its scale, and the weight decay of those that decay.

    Example:
        >>> optimiser = create_optimiser(nn.Linear(2, 2), settings=TrainingSettings(steps=1, optimiser="adamw"))
        >>> set_schedules(optimiser, learning_rate=0.5, weight_decay=0.4)
        >>> [(group["lr"], group["weight_decay"]) for group in optimiser.param_groups]
        [(0.5, 0.4), (0.5, 0.0)]
    """
    for group in optimiser.param_groups:
        group["lr"] = learning_rate * group["rate_scale"]
        if group["decays"]:
            group["weight_decay"] = weight_decay
