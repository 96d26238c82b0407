"""MixUp: images and their targets between two others."""

import torch
from torch import Tensor


def draw_shares(n: int, *, beta: float) -> Tensor:
    """Return the share of itself that each of n images keeps, `(n,)` float32 from 0.5 to 1, on the CPU.

    Drawn from Beta(beta, beta), the larger of it and its rest (MixMatch, equations 8 and 9: an image stays nearer to
    itself than to its partner). From PyTorch's global generator, which the training loop seeds at each step.

    Args:
        n: Number of images.
        beta: Above 0; the smaller, the fewer images are mixed noticeably.

    Example:
        >>> shares = draw_shares(1000, beta=0.75)
        >>> bool((shares >= 0.5).all() and (shares <= 1).all())
        True
    """
    drawn = torch.distributions.Beta(beta, beta).sample((n,))
    return torch.maximum(drawn, 1 - drawn)


def mix(rows: Tensor, *, partners: Tensor, shares: Tensor) -> Tensor:
    """Return `shares * rows + (1 - shares) * rows[partners]` (MixMatch, equations 10 and 11).

    Args:
        rows: `(n, ...)`: images, or their targets.
        partners: `(n,)` int64, position of the other row.
        shares: `(n,)`, what a row keeps of itself.

    Example:
        >>> mix(torch.tensor([[0.0], [1.0]]), partners=torch.tensor([1, 0]), shares=torch.tensor([0.75, 0.5]))
        tensor([[0.2500],
                [0.5000]])
    """
    kept = shares.to(device=rows.device, dtype=rows.dtype).view(-1, *[1] * (rows.ndim - 1))
    return kept * rows + (1 - kept) * rows[partners.to(rows.device)]
