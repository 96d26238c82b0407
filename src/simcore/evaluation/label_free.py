"""What features look like, without labels."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from simcore.errors import InputError

_BLOCK = 2048


def _unit(features: np.ndarray | Tensor) -> Tensor:
    tensor = torch.as_tensor(features).float()
    if tensor.ndim != 2 or len(tensor) < 2:  # noqa: PLR2004
        raise InputError(f"`features` has shape {tuple(tensor.shape)}; (n, d) with at least 2 rows is needed.")
    if not torch.isfinite(tensor).all():
        raise InputError("`features` holds NaN or infinite values; check the encoder.")
    return nn.functional.normalize(tensor, dim=1)


def alignment(features: np.ndarray | Tensor, other_view: np.ndarray | Tensor) -> float:
    """Return the mean squared distance between unit features of two views of each image; lower is better.

    Source: Wang & Isola, Understanding Contrastive Representation Learning through Alignment and Uniformity
    on the Hypersphere, ICML 2020, with alpha = 2.

    Args:
        features: `(n, d)`.
        other_view: `(n, d)`, row i from the same image.

    Example:
        >>> alignment(np.eye(2), np.eye(2))
        0.0
    """
    left, right = _unit(features), _unit(other_view)
    if left.shape != right.shape:
        raise InputError(f"The views have shapes {tuple(left.shape)} and {tuple(right.shape)}; they must be equal.")
    return (left - right).square().sum(dim=1).mean().item()


def uniformity(features: np.ndarray | Tensor) -> float:
    """Return log of the mean of exp(-2 * squared distance) over pairs of unit features; lower is better.

    0 when all features are equal; about -4 on a sphere of many dimensions. Time O(n^2 d), memory in blocks.
    Source: Wang & Isola, ICML 2020, with t = 2.

    Args:
        features: `(n, d)`.

    Example:
        >>> round(uniformity(np.array([[1.0, 0.0], [-1.0, 0.0]])), 3)  # one pair, at distance 2
        -8.0
    """
    unit = _unit(features)
    n = len(unit)
    total = 0.0
    for start in range(0, n, _BLOCK):
        rows = unit[start : start + _BLOCK]
        squared = (2 - 2 * rows @ unit.T).clamp_min(0).double()
        kernel = torch.exp(-2 * squared)
        # An image and itself are no pair.
        kernel[torch.arange(len(rows)), torch.arange(start, start + len(rows))] = 0
        total += kernel.sum().item()
    return float(np.log(total / (n * (n - 1))))


def effective_rank(features: np.ndarray | Tensor) -> float:
    """Return the exponential of the entropy of the normalised singular values of `features`, between 1 and d.

    Source: Roy & Vetterli, The effective rank, EUSIPCO 2007; RankMe (Garrido et al., ICML 2023) reads it as a
    label-free sign of representation quality.

    Args:
        features: `(n, d)`, used as they are (not centred, not of unit length).

    Example:
        >>> round(effective_rank(np.eye(4)), 3)
        4.0
    """
    _unit(features)
    values = torch.linalg.svdvals(torch.as_tensor(features).double())
    shares = values / values.sum().clamp_min(torch.finfo(torch.float64).tiny)
    return torch.exp(-torch.special.xlogy(shares, shares).sum()).item()


def feature_spread(features: np.ndarray | Tensor) -> float:
    """Return the mean over dimensions of the standard deviation of unit features; 0 when collapsed.

    Example:
        >>> feature_spread(np.ones((3, 2)))
        0.0
    """
    return _unit(features).std(dim=0, correction=0).mean().item()


def label_free_records(features: np.ndarray, *, other_view: np.ndarray | None = None) -> list[dict[str, Any]]:
    """Return uniformity, spread, effective rank and, given a second view, alignment as flat records.

    Args:
        features: `(n, d)`.
        other_view: `(n, d)`, features of another view of the same images.

    Example:
        >>> [record["metric"] for record in label_free_records(np.eye(3))]
        ['uniformity', 'feature_spread', 'effective_rank']
    """
    values = {
        "uniformity": uniformity(features),
        "feature_spread": feature_spread(features),
        "effective_rank": effective_rank(features),
    }
    if other_view is not None:
        values["alignment"] = alignment(features, other_view)
    return [
        {"evaluation": "label_free", "metric": metric, "protocol": "unit", "value": value, "n": len(features)}
        for metric, value in values.items()
    ]


def nearest_rows(queries: np.ndarray, features: np.ndarray, *, k: int) -> np.ndarray:
    """Return the positions of the k rows of `features` most similar by cosine to each query, best first.

    Args:
        queries: `(q, d)`.
        features: `(n, d)`.
        k: Neighbours, at most n.

    Returns:
        `(q, k)`, int64; equal similarities in row order.

    Raises:
        InputError: If `k` is not between 1 and n.

    Example:
        >>> nearest_rows(np.eye(2), np.eye(2), k=1).tolist()
        [[0], [1]]
    """
    if not 1 <= k <= len(features):
        raise InputError(f"`k` is {k}; with {len(features)} rows it must be between 1 and {len(features)}.")
    unit = nn.functional.normalize(torch.as_tensor(features).float(), dim=1)
    rows = nn.functional.normalize(torch.as_tensor(queries).float(), dim=1)
    found = [(part @ unit.T).sort(dim=1, descending=True, stable=True).indices[:, :k] for part in rows.split(256)]
    return torch.cat(found).numpy()
