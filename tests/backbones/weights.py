"""Weights for tests: none at a value that a swapped name would leave unseen."""

import torch
from torch import nn


def shake(network: nn.Module, *, seed: int = 0) -> nn.Module:
    """Return `network` in evaluation mode with norms, biases and statistics moved off their equal first values."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
            if not tensor.is_floating_point() or tensor.ndim > 1:
                continue
            if name.endswith(("running_var", "weight")):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.4 + 0.8)
            else:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)
    return network.eval()


def images(side: int, *, n: int = 2, seed: int = 1) -> torch.Tensor:
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


def uint8_images(side: int, *, n: int = 3, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=generator)
