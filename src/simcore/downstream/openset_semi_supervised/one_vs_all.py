"""Losses of one-vs-all classifiers: for each class, two outputs that say whether an image is of it or not."""

import torch
from torch import Tensor, nn

OUT, IN = 0, 1
"""Places of the two outputs of a class."""


def one_vs_all_log_probabilities(outputs: Tensor) -> Tensor:
    """Return the logarithms of the probabilities that images are `OUT` of or `IN` each class, `(n, 2, c)`.

    Args:
        outputs: `(n, 2 c)`: first the outputs for `OUT`, then those for `IN`.

    Example:
        >>> one_vs_all_log_probabilities(torch.zeros(1, 4)).exp()
        tensor([[[0.5000, 0.5000],
                 [0.5000, 0.5000]]])
    """
    return nn.functional.log_softmax(outputs.float().unflatten(1, (2, -1)), dim=1)


def one_vs_all_loss(outputs: Tensor, classes: Tensor) -> Tensor:
    """Return the loss of labelled images: the own class says in, and the least sure of the others says out.

    The mean over images of `-log p_in(y) + max over j != y of -log p_out(j)` (OpenMatch, NeurIPS 2021, equation 1;
    after OVANet). Only the hardest other class has a gradient, so that many easy ones do not outweigh the own class.

    Args:
        outputs: `(n, 2 c)`.
        classes: `(n,)` int64.

    Example:
        >>> round(one_vs_all_loss(torch.zeros(3, 8), torch.tensor([0, 1, 2])).item(), 4)  # 2 log 2
        1.3863
    """
    log = one_vs_all_log_probabilities(outputs)
    own = -log[:, IN].gather(1, classes[:, None])[:, 0]
    others = (-log[:, OUT]).scatter(1, classes[:, None], -torch.inf)
    return (own + others.max(dim=1).values).mean()


def open_entropy(*views: Tensor) -> Tensor:
    """Return the mean entropy of all one-vs-all outputs of unlabelled images, in nats: OEM of OpenMatch (equation 2).

    Less entropy means that each classifier decides between in and out.

    Args:
        views: Outputs `(n, 2 c)` of the views.

    Example:
        >>> round(open_entropy(torch.zeros(3, 4), torch.zeros(3, 4)).item(), 4)  # log 2
        0.6931
    """
    logs = torch.stack([one_vs_all_log_probabilities(outputs) for outputs in views])
    return -(logs.exp() * logs).sum(dim=2).mean()


def soft_consistency(first: Tensor, second: Tensor) -> Tensor:
    """Return how far two views of unlabelled images disagree: SOCR of OpenMatch (equation 3).

    The squared difference of the probabilities, summed over classes and both outputs, mean over images.

    Args:
        first: Outputs `(n, 2 c)` of one view.
        second: Those of the other.

    Example:
        >>> soft_consistency(torch.ones(3, 4), torch.zeros(3, 4)).item()
        0.0
    """
    difference = one_vs_all_log_probabilities(first).exp() - one_vs_all_log_probabilities(second).exp()
    return difference.square().sum(dim=(1, 2)).mean()


def outlier_scores(logits: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the class that the closed classifier names, `(n,)` int64, and how probably images are out of it, `(n,)`.

    Args:
        logits: `(n, c)` of the closed classifier.
        outputs: `(n, 2 c)`.

    Example:
        >>> outlier_scores(torch.tensor([[0.0, 1.0]]), torch.zeros(1, 4))
        (tensor([1]), tensor([0.5000]))
    """
    classes = logits.argmax(dim=1)
    out = one_vs_all_log_probabilities(outputs)[:, OUT].exp()
    return classes, out.gather(1, classes[:, None])[:, 0]
