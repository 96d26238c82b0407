"""Guessed labels made more certain."""

from torch import Tensor


def sharpen(probabilities: Tensor, *, temperature: float) -> Tensor:
    """Return probabilities raised to 1 / temperature and scaled to sum to 1 in each row (MixMatch, equation 7).

    Of a softmax of logits z it is the softmax of z / temperature. Computed from logarithms, so that many classes with
    small probabilities do not underflow.

    Args:
        probabilities: `(n, c)`.
        temperature: Above 0; below 1 sharpens, 1 leaves them as they are.

    Example:
        >>> import torch
        >>> sharpen(torch.tensor([[0.25, 0.75]]), temperature=0.5)
        tensor([[0.1000, 0.9000]])
    """
    return (probabilities.log() / temperature).softmax(dim=-1)
