"""The images that the model is least sure of."""

import numpy as np
import torch

from simcore.downstream.active_learning.pool import Pool

_DECIMALS = 9


def most_uncertain(pool: Pool, *, count: int, seed: int) -> np.ndarray:
    """Return positions of the `count` images whose predicted classes have the highest entropy, highest first.

    Entropy is -sum_c p_c log p_c of the softmax p, in nats, rounded to nine decimals; of equal ones the smaller key
    comes first. Nothing is drawn. Time and memory O(nC).

    Args:
        pool: The unlabelled images.
        count: At most as many as there are.
        seed: Changes nothing.
    """
    log_share = torch.log_softmax(pool.logits.double(), dim=1)
    entropy = -(log_share.exp() * log_share).sum(dim=1).cpu().numpy()
    return np.argsort(-entropy.round(_DECIMALS), kind="stable")[:count]
