"""How deep lists must be: the selection itself, tried on a sample of the open-set."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from simcore.selection.rounds import Pointers

# Products of the sample that are held and sorted: 4 million are 48 MiB with their order.
_MAX_PRODUCTS = 1 << 22
_MAX_ROWS = 1 << 15
# Below this a sample says too little about the few best images of a centroid.
_MIN_ROWS = 1 << 12
_BATCH = 16
_SHARED_SAFETY = 4.0


def sample_size(n_centroids: int, n_rows: int) -> int:
    """Return how many rows to sample for a forecast; 0 where a forecast would cost more than it saves.

    Example:
        >>> sample_size(100, 1_281_167), sample_size(100, 50_000), sample_size(13_296, 1_281_167)
        (32768, 0, 0)
    """
    rows = min(_MAX_ROWS, _MAX_PRODUCTS // n_centroids)
    return rows if rows >= _MIN_ROWS and n_rows >= 8 * rows else 0


@dataclass(frozen=True, eq=False)
class Forecast:
    """Sorted products of a sample with all centroids.

    Only an estimate: lists that come out too short are noticed and cost another pass, never an error.

    Attributes:
        positions: (s,) int64 increasing, where the sampled rows stand.
        order: (k, s) int32, for each centroid the sampled rows from most to least similar.
        products: (k, s) float32, their products in that order.
        n_rows: rows of the open-set.
    """

    positions: np.ndarray
    order: np.ndarray
    products: np.ndarray
    n_rows: int

    @classmethod
    def of(cls, positions: np.ndarray, products: torch.Tensor, n_rows: int) -> "Forecast":
        """Return the forecast from unsorted `products` (k, s)."""
        values = products.cpu().numpy()
        order = np.empty(values.shape, dtype=np.int32)
        places = np.arange(values.shape[1])

        def sort(centroid: int) -> None:
            row = values[centroid]
            # Sorting integers that hold product and place is several times faster than an argsort.
            keys = (row * -(2.0**30)).astype(np.int64)
            keys <<= 20
            keys += places
            keys.sort()
            keys &= (1 << 20) - 1
            order[centroid] = keys
            row[:] = row[keys]

        # NumPy sorts without the interpreter lock.
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(sort, range(len(values))))
        return cls(positions, order, values, n_rows)

    def depths_and_floors(
        self, *, budget: int, taken: np.ndarray | None, max_pairs: int, safety: float = 4.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return `(depths, floors)`, (k,) each, that `budget` more picks should need.

        The sample is peeled for its share of the budget and some deviations more, or until lists of the open-set
        would hold `max_pairs`. The entries a pointer has passed there, and `safety` standard deviations more, give the
        product at the floor.
        """
        n_centroids, n_sampled = self.order.shape
        scale = self.n_rows / n_sampled
        marks = np.zeros(n_sampled + 1, dtype=bool)
        if taken is not None and len(taken):
            places = np.minimum(np.searchsorted(taken, self.positions), len(taken) - 1)
            marks[:-1] = taken[places] == self.positions
        gone = marks[self.order] if marks.any() else None
        n_gone = 0 if gone is None else int(gone.sum())
        pointers = Pointers(
            np.arange(n_centroids, dtype=np.int64) * n_sampled,
            np.full(n_centroids, n_sampled, dtype=np.int64),
            self.order.reshape(-1),
            marks,
        )
        goal, start, at_end = budget / scale, int(marks.sum()), False
        # How many of the images that are picked the sample has is chance, too, and where centroids share their images
        # it moves all lists at once.
        goal += _SHARED_SAFETY * math.sqrt(goal)
        while not at_end and marks.sum() - start < goal:
            # No more rounds than are missing if no two centroids share an image: lists are as long as what is peeled.
            missing = goal - (marks.sum() - start)
            _, at_end = pointers.next_rounds(max(1, min(_BATCH, math.ceil(missing / n_centroids))))
            if (pointers.at - pointers.starts).sum() * scale > max_pairs + n_gone * scale:
                break
        used = np.minimum(pointers.at - pointers.starts + 1, n_sampled)
        reach = used + np.ceil(safety * np.sqrt(used) + 1).astype(np.int64)
        inside = reach < n_sampled
        floors = np.where(
            inside, self.products[np.arange(n_centroids), np.minimum(reach, n_sampled - 1)].astype(np.float64), -np.inf
        )
        ahead = np.minimum(reach, n_sampled)
        open_entries = ahead
        if gone is not None:
            open_entries = ahead - np.array([row[:stop].sum() for row, stop in zip(gone, ahead, strict=True)])
        depths = np.ceil(np.maximum(open_entries, 1) * scale).astype(np.int64)
        return depths, np.where(np.isfinite(floors), floors, -np.inf)

    def floors(self, depth: int, *, safety: float = 4.0) -> np.ndarray:
        """Return the product that about `depth` images of each centroid reach, `safety` deviations low, (k,)."""
        expected = depth * len(self.positions) / self.n_rows
        rank = math.ceil(expected + safety * math.sqrt(expected) + 1)
        if rank >= len(self.positions):
            return np.full(len(self.order), -np.inf)
        return self.products[:, rank].astype(np.float64)
