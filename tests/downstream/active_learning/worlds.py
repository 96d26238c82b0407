"""Pools of random features and logits, and queries written out slowly."""

import math

import numpy as np
import torch

from simcore.downstream.active_learning import Pool


def make_pool(*, n: int = 14, dim: int = 5, classes: int = 4, labelled: int = 3, seed: int = 0) -> Pool:
    """Return a pool of `n` images called k00, k01, ...; every fifth one is a copy of the one before."""
    rng = np.random.default_rng(seed)
    features, logits = rng.normal(size=(n, dim)), 2 * rng.normal(size=(n, classes))
    for row in range(4, n, 5):
        features[row], logits[row] = features[row - 1], logits[row - 1]
    return Pool(
        np.array([f"k{row:02d}" for row in range(n)]),
        torch.tensor(features, dtype=torch.float32),
        torch.tensor(logits, dtype=torch.float32),
        torch.tensor(rng.normal(size=(labelled, dim)), dtype=torch.float32),
    )


def slow_entropy(pool: Pool, count: int) -> list[str]:
    found = []
    for key, row in zip(pool.keys, pool.logits.double().tolist(), strict=True):
        total = sum(math.exp(value) for value in row)
        shares = [math.exp(value) / total for value in row]
        found.append((-round(-sum(share * math.log(share) for share in shares), 9), key))
    return [key for _, key in sorted(found)][:count]


def slow_cover(pool: Pool, count: int) -> list[str]:
    rows = dict(zip(pool.keys, pool.features.double().numpy(), strict=True))
    centres = list(pool.labelled.double().numpy())
    chosen: list[str] = []
    for _ in range(count):
        left = [key for key in rows if key not in chosen]
        distance = {key: min([float(((rows[key] - each) ** 2).sum()) for each in centres], default=0.0) for key in left}
        chosen.append(min(left, key=lambda key, far=distance: (-round(far[key], 7), key)))
        centres.append(rows[chosen[-1]])
    return chosen


def slow_badge(pool: Pool, count: int, seed: int) -> list[str]:
    """The gradients themselves, by differentiation, one long row an image."""
    gradients = []
    for features, logits in zip(pool.features.double(), pool.logits.double(), strict=True):
        # A layer that gives these logits: what it weighs the features by does not show in its gradient.
        weight = torch.zeros(len(logits), len(features), dtype=torch.float64, requires_grad=True)
        given = features @ weight.T + logits
        loss = torch.nn.functional.cross_entropy(given[None], given.argmax()[None])
        gradients.append(torch.autograd.grad(loss, weight)[0].flatten().numpy())
    table = np.array(gradients)
    generator = np.random.default_rng(seed)
    chosen = [int(np.argmax((table**2).sum(axis=1).round(9)))]
    while len(chosen) < count:
        squared = np.array([min(((row - table[other]) ** 2).sum() for other in chosen) for row in table])
        squared[squared < 1e-9] = 0
        mark, position, passed = generator.random() * squared.sum(), 0, 0.0
        if squared.sum() == 0:
            chosen.append(min(set(range(len(table))) - set(chosen)))
            continue
        while passed + squared[position] <= mark:
            passed, position = passed + squared[position], position + 1
        chosen.append(position)
    return [str(pool.keys[position]) for position in chosen]
