"""One block of the scan: fast products bound, what may reach a list is scored exactly."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from simcore.errors import InputError
from simcore.selection.rows import Block, directionless
from simcore.selection.similarity import grid_rows, paired_similarities, similarities

# A float32 norm outside these bounds may have overflowed or lost digits; such blocks are taken to float64.
_SAFE_NORM = (1e-15, 1e15)
# No similarity is below -1: this bound keeps every pair but those of excluded rows, whose products are -inf.
_NO_BOUND = -2.0
# Centroids are divided by their bounds where all are above this; smaller ones would blow up the roundings.
_LEAST_BOUND = 2.0**-10
# A dense float64 product is taken where it computes fewer than this many entries for each that is needed.
_DENSE_COST = 40
# From this share of needed rows on, leaving the others out costs more than it saves.
_NEARLY_ALL = 0.7
# Pairs are scored in pieces of 1 MiB a side.
_PAIR_ENTRIES = 1 << 17


@dataclass(frozen=True, eq=False)
class Found:
    """Pairs of a block: all at or above `floors`, and some below.

    Attributes:
        parts: `(lengths, offsets, scores)`, in order of the rows; the pairs of a part are grouped by centroid,
            `lengths[q]` of them for centroid q, with increasing offsets into the block.
        floors: (k,) what was left out is below these.
    """

    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    floors: np.ndarray


@dataclass(frozen=True, eq=False)
class _Hits:
    """Pairs of one piece that wait for their exact score."""

    lengths: np.ndarray
    offsets: np.ndarray
    places: np.ndarray
    rows: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Bounds:
    """What a product must reach.

    Attributes:
        values: (k, 1) float32, on similarities.
        scaled: (k, d) centroids divided by `values`; None where a bound is not positive.
    """

    values: torch.Tensor
    scaled: torch.Tensor | None


class BlockWorker:
    """Finds the pairs of a block that reach their centroid's floor; owns the memory that every block uses again.

    Args:
        fast: (k, d) float32 unit centroids.
        grid: (k, d) the same on the grid.
        margin: how far a product of `fast` can be from the deciding similarity.
        piece_rows: rows that are multiplied at a time.
        name_of: names the row of a block for an error.
    """

    def __init__(
        self,
        fast: torch.Tensor,
        grid: torch.Tensor,
        margin: float,
        *,
        piece_rows: int,
        name_of: Callable[[Block, int], str],
    ) -> None:
        self._fast, self._grid, self._margin = fast, grid, margin
        self._piece_rows, self._name_of = piece_rows, name_of
        n_centroids, dim = fast.shape
        self._rows = torch.empty((piece_rows, dim), device=fast.device)
        self._room = torch.empty(n_centroids * piece_rows, device=fast.device)
        self._centroids = np.arange(n_centroids)

    def find(self, block: Block, banned: np.ndarray | None, floors: np.ndarray, depths: np.ndarray) -> Found:
        """Return the pairs of `block` that reach `floors`.

        Where a centroid has no floor yet, the first piece with more than `depths` rows sets one. Changes `floors`.

        Args:
            block: rows to look at.
            banned: (n,) mask of rows that may not be candidates.
            floors: (k,) similarities that matter; -inf where none is known.
            depths: (k,) entries that are wanted of each list.

        Raises:
            InputError: a row that may be picked is zero or not finite.
        """
        parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        waiting: list[_Hits] = []
        bounds = self._bounds(floors)
        for start in range(0, len(block.rows), self._piece_rows):
            piece = slice(start, start + self._piece_rows)
            rows, excluded = block.rows[piece], None if banned is None else banned[piece]
            if np.isneginf(floors).any():
                self._raise_missing_floors(self._similar(block, piece, excluded), floors, depths)
                bounds = self._bounds(floors)
            products, least = self._bounded(block, piece, excluded, bounds)
            used = (products.amax(dim=0) >= least).nonzero()[:, 0] if least.ndim == 1 else None
            if used is not None and len(used) == 0:
                continue
            if used is None or len(used) > _NEARLY_ALL * len(rows):
                # A dense piece is scored at once: its rows need not be kept.
                parts += self._scored(waiting)
                parts += self._scored([self._hits(products >= least, rows, start, None)])
                waiting = []
            else:
                reached = products.index_select(1, used) >= least.index_select(0, used)
                waiting.append(self._hits(reached, rows.index_select(0, used.to(rows.device)), start, used))
        return Found(parts + self._scored(waiting), floors)

    def _bounds(self, floors: np.ndarray) -> "_Bounds":
        # One margin for the product and one for the roundings of the bound itself.
        bounds = torch.from_numpy(np.maximum(floors - 2 * self._margin, _NO_BOUND)).to(self._fast)[:, None]
        return _Bounds(bounds, self._fast / bounds if float(bounds.min()) > _LEAST_BOUND else None)

    def _bounded(
        self, block: Block, piece: slice, excluded: np.ndarray | None, bounds: "_Bounds"
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return `(products, least)`: a pair may reach its floor where its product is at least `least`.

        `⟨c, x⟩ / ‖x‖ ≥ b` is `⟨c / b, x⟩ ≥ ‖x‖` where the bounds are positive: the products need no scaling, and their
        maximum over the centroids tells in one pass which few rows need a closer look.
        """
        if bounds.scaled is None:
            return self._similar(block, piece, excluded), bounds.values
        products, norms = self._products(bounds.scaled, block.rows[piece])
        if norms is None:
            return self._similar(block, piece, excluded), bounds.values
        return _without(products, excluded), norms

    def _similar(self, block: Block, piece: slice, excluded: np.ndarray | None) -> torch.Tensor:
        """Return the (k, n) similarities to within the margin."""
        rows = block.rows[piece]
        products, norms = self._products(self._fast, rows)
        if norms is None:
            self._refuse_directionless(block, piece, excluded)
            products.copy_(similarities(self._grid, grid_rows(rows.to(products.device))))
        else:
            products.div_(norms)
        return _without(products, excluded)

    def _products(self, left: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the (k, n) float32 products with `left`, and the rows' norms; None if these are not safe."""
        room = self._rows[: len(rows)]
        products = self._room[: len(left) * len(rows)].view(len(left), len(rows))
        if rows.dtype != torch.float32 or rows.device != room.device:
            rows = room.copy_(rows)
        norms = torch.linalg.vector_norm(rows, dim=1)
        low, high = torch.aminmax(norms)
        if not (float(low) > _SAFE_NORM[0] and float(high) < _SAFE_NORM[1]):
            return products, None
        return torch.mm(left, rows.T, out=products), norms

    def _hits(self, reached: torch.Tensor, rows: torch.Tensor, start: int, used: torch.Tensor | None) -> "_Hits":
        """Return the pairs marked in `reached` (k, u), of which column i is row `used[i]` of the piece at `start`."""
        if reached.device.type == "cpu":
            # NumPy looks for set bytes several times as fast as torch.
            hits = np.flatnonzero(reached.numpy())
        else:
            hits = reached.reshape(-1).nonzero()[:, 0].cpu().numpy()
        # They come row by row, that is centroid by centroid.
        firsts = self._centroids * reached.shape[1]
        lengths = np.diff(np.searchsorted(hits, np.append(firsts, reached.numel())))
        places = hits - np.repeat(firsts, lengths)
        offsets = places if used is None else used.cpu().numpy()[places]
        return _Hits(lengths, offsets + start, places, rows)

    def _refuse_directionless(self, block: Block, piece: slice, excluded: np.ndarray | None) -> None:
        rows = block.rows[piece]
        bad = directionless(rows)
        if excluded is not None:
            bad &= ~excluded
        if bad.any():
            offset = int(np.argmax(bad))
            what = "zero" if bool((rows[offset] == 0).all()) else "not finite (NaN or infinite)"
            raise InputError(
                f"The open-set row with {self._name_of(block, piece.start + offset)} is {what}, so it has no "
                "direction; remove it, `exclude` it or embed it again."
            )

    def _raise_missing_floors(self, similar: torch.Tensor, floors: np.ndarray, depths: np.ndarray) -> None:
        """Give centroids without a floor what `depths` images of a piece reach, less the margin."""
        missing = np.flatnonzero(np.isneginf(floors))
        depth = int(depths[missing].max())
        if depth < similar.shape[1]:
            chosen = similar[torch.from_numpy(missing).to(similar.device)]
            values = torch.topk(chosen, depth, dim=1).values[:, -1].double().cpu().numpy()
            floors[missing] = np.where(values > _NO_BOUND, values - self._margin, -np.inf)

    def _scored(self, waiting: list[_Hits]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Return the parts with the deciding similarity of each pair."""
        if not waiting:
            return []
        device = self._grid.device
        rows = waiting[0].rows if len(waiting) == 1 else torch.cat([hits.rows for hits in waiting])
        grid = grid_rows(rows.to(device))
        counts = [len(hits.rows) for hits in waiting]
        dense = sum(len(hits.offsets) for hits in waiting) * _DENSE_COST > len(grid) * len(self._grid)
        scores = self._dense_scores(waiting, grid, counts) if dense else self._pair_scores(waiting, grid, counts)
        return [(hits.lengths, hits.offsets, part) for hits, part in zip(waiting, scores, strict=True)]

    def _dense_scores(self, waiting: list[_Hits], grid: torch.Tensor, counts: list[int]) -> list[np.ndarray]:
        scores = []
        for hits, part in zip(waiting, grid.split(counts), strict=True):
            places = np.repeat(self._centroids * len(part), hits.lengths) + hits.places
            products = similarities(self._grid, part).reshape(-1)
            scores.append(products.take(torch.from_numpy(places).to(grid.device)).cpu().numpy())
        return scores

    def _pair_scores(self, waiting: list[_Hits], grid: torch.Tensor, counts: list[int]) -> list[np.ndarray]:
        firsts = np.cumsum(counts) - counts
        left = np.concatenate([np.repeat(self._centroids, hits.lengths) for hits in waiting])
        right = np.concatenate([hits.places + first for hits, first in zip(waiting, firsts, strict=True)])
        scores = np.empty(len(left))
        step = max(1, _PAIR_ENTRIES // grid.shape[1])
        for start in range(0, len(left), step):
            part = slice(start, start + step)
            centroids = self._grid.index_select(0, torch.from_numpy(left[part]).to(grid.device))
            images = grid.index_select(0, torch.from_numpy(right[part]).to(grid.device))
            scores[part] = paired_similarities(centroids, images).cpu().numpy()
        return np.split(scores, np.cumsum([len(hits.offsets) for hits in waiting])[:-1])


def _without(products: torch.Tensor, excluded: np.ndarray | None) -> torch.Tensor:
    """Return `products` with those of excluded rows below every bound."""
    if excluded is not None and excluded.any():
        products[:, torch.from_numpy(excluded).to(products.device)] = -torch.inf
    return products
