"""Why an image was picked: its round, its centroid, and the target images it is like."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from simcore.errors import InputError
from simcore.selection.centroids import Target, target_rows
from simcore.selection.similarity import grid_rows, similarities

_STEP = 1024


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why one image is in the coreset.

    Attributes:
        index: position in the open-set.
        key: key, or None where there are none.
        round: round that picked it, from 1; None for a baseline.
        centroid: centroid it was picked for; None for a baseline.
        similarity: similarity to that centroid; None for a baseline.
        nearest: the most similar target images: `rank`, `target` (key or position), `similarity`.
    """

    index: int
    key: str | None
    round: int | None
    centroid: int | None
    similarity: float | None
    nearest: pd.DataFrame


def nearest_targets(rows: np.ndarray | torch.Tensor, target: Target, *, n_nearest: int = 5) -> pd.DataFrame:
    """Return the target images most similar to each row.

    Columns: `row`, `rank` (from 1), `target` (key or position), `similarity`.

    Args:
        rows: (m, d) embeddings of picked images.
        target: (n, d) array or tensor, embeddings or their directory.
        n_nearest: target images for each row.

    Raises:
        InputError: the dimensions differ.

    Example:
        >>> nearest_targets(np.array([[1.0, 0.2]]), np.eye(2), n_nearest=1)["target"].tolist()
        [0]
    """
    target_tensor, names = target_rows(target)
    right = grid_rows(target_tensor)
    left = torch.as_tensor(rows)
    if left.ndim != 2 or left.shape[1] != right.shape[1]:  # noqa: PLR2004
        raise InputError(
            f"The picked rows have shape {tuple(left.shape)} but the target has dimension {right.shape[1]}; "
            "embed both with the same encoder."
        )
    n_nearest = min(n_nearest, len(right))
    found, scores = [], []
    for part in left.split(_STEP):
        products = similarities(grid_rows(part), right).numpy()
        order = np.argsort(-products, axis=1, kind="stable")[:, :n_nearest]
        found.append(order)
        scores.append(np.take_along_axis(products, order, axis=1))
    order = np.concatenate(found)
    return pd.DataFrame(
        {
            "row": np.repeat(np.arange(len(left)), n_nearest),
            "rank": np.tile(np.arange(1, n_nearest + 1), len(left)),
            "target": order.reshape(-1) if names is None else names[order.reshape(-1)],
            "similarity": np.concatenate(scores).reshape(-1),
        }
    )
