"""Networks and batches small enough to compute by hand."""

from typing import Any

import torch
from torch import Tensor, nn

from simcore.downstream.semi_supervised import Known, SemiSupervised, create_semi_supervised
from simcore.methods import Moment

CLASSES = 3
SHARES = (0.5, 0.3, 0.2)
UNLABELLED = 12


class Flat(nn.Module):
    """Features `(n, 5)` of images of 4 x 4 pixels; with batch norm, if asked for."""

    num_features = 5

    def __init__(self, *, norm: bool = False) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(5, 48, generator=generator) / 5)
        self.norm: nn.Module = nn.BatchNorm1d(5) if norm else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(images.flatten(1) @ self.weight.T).tanh()


def make_method(name: str, *, norm: bool = False, step: int = 25, **settings: Any) -> SemiSupervised:
    """Return a method a quarter through its run, with a layer that is surer than a fresh one."""
    known = Known(CLASSES, SHARES, UNLABELLED)
    method = create_semi_supervised(name, Flat(norm=norm), known=known, seed=1, **settings)
    with torch.no_grad():
        method.weights[0].mul_(4)
    method.before_step(Moment(step=step, total_steps=100, steps_per_epoch=10))
    return method


def make_views(method: SemiSupervised, *, n: int = 4, seed: int = 0) -> list[Tensor]:
    """Return labelled images and classes; views of unlabelled images and positions, where the method takes some."""
    generator = torch.Generator().manual_seed(seed)
    count = max(0, sum(method.view_counts) - 3)
    images = [torch.randn(n, 3, 4, 4, generator=generator) for _ in range(1 + count)]
    classes = torch.randint(CLASSES, (n,), generator=generator)
    positions = torch.randperm(UNLABELLED, generator=generator)[:n]
    return [images[0], classes, *images[1:], positions] if count else [images[0], classes]


def cross_entropy(target: Tensor, logits: Tensor) -> Tensor:
    """Return the cross-entropy of one row, written out."""
    return -(target * (logits - logits.logsumexp(dim=0))).sum()


def one_hot(number: int) -> Tensor:
    return torch.eye(CLASSES)[number]
