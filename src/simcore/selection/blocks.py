"""One block of the scan: fast products bound, what may reach a list is scored exactly."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from simcore.errors import InputError
from simcore.selection.bounding import Products
from simcore.selection.rows import Block, directionless
from simcore.selection.similarity import grid_rows, paired_similarities, similarities

# A dense float64 product is taken where it computes fewer than this many entries for each that is needed.
_DENSE_COST = 40
# Pairs are scored in pieces of 1 MiB a side.
_PAIR_ENTRIES = 1 << 17
# Numbers on the grid that a worker has memory for, 8 MiB: waiting rows are scored when they fill it.
_GRID_ENTRIES = 1 << 20


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
class _Candidates:
    """Rows of one piece that may have a pair, waiting to be looked at together with those of other pieces.

    Attributes:
        offsets: (u,) where they stand in the block.
        rows: (u, d) as they came.
        products: (k, u) float32.
        least: what a product must reach, broadcast against `products`.
    """

    offsets: torch.Tensor
    rows: torch.Tensor
    products: torch.Tensor
    least: torch.Tensor


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
        self._products = Products(fast, margin, piece_rows=piece_rows)
        self._centroids = np.arange(len(fast))
        self._room = torch.empty(
            (max(1, _GRID_ENTRIES // fast.shape[1]), fast.shape[1]), dtype=torch.float64, device=grid.device
        )

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
        waiting: list[_Candidates] = []
        n_waiting = 0
        bounds = self._products.bounds(floors)
        for start in range(0, len(block.rows), self._piece_rows):
            piece = slice(start, start + self._piece_rows)
            rows, excluded = block.rows[piece], None
            if banned is not None and banned[piece].any():
                excluded = torch.from_numpy(banned[piece]).to(self._grid.device)
            if np.isneginf(floors).any():
                self._raise_missing_floors(self._similar(block, piece, excluded), floors, depths)
                bounds = self._products.bounds(floors)
            reaching = self._products.reaching(rows, bounds, excluded)
            if reaching is None:
                # A bound that is not positive, or norms that float32 cannot hold: the long way.
                similar = self._similar(block, piece, excluded)
                used = (similar >= bounds.values).any(dim=0).nonzero()[:, 0]
                products, least = similar.index_select(1, used), bounds.values
            else:
                used, products, least = reaching
            if len(used) == 0:
                continue
            found = _Candidates(used + start, rows.index_select(0, used.to(rows.device)), products, least)
            if reaching is None:
                parts += [*self._scored(waiting), *self._scored([found])]
                waiting, n_waiting = [], 0
                continue
            waiting.append(found)
            n_waiting += len(used)
            if n_waiting >= len(self._room) // 2:
                parts += self._scored(waiting)
                waiting, n_waiting = [], 0
        return Found(parts + self._scored(waiting), floors)

    def _similar(self, block: Block, piece: slice, excluded: torch.Tensor | None) -> torch.Tensor:
        """Return the (k, n) similarities to within the margin, -inf for excluded rows."""
        rows = block.rows[piece]
        similar = self._products.similar(rows)
        if similar is None:
            self._refuse_directionless(block, piece, excluded)
            similar = similarities(self._grid, grid_rows(rows.to(self._grid.device))).to(torch.float32)
        return similar if excluded is None else similar.masked_fill_(excluded, -torch.inf)

    def _refuse_directionless(self, block: Block, piece: slice, excluded: torch.Tensor | None) -> None:
        rows = block.rows[piece]
        bad = directionless(rows)
        if excluded is not None:
            bad &= ~excluded.cpu().numpy()
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
            # Fewer images than that may be allowed here.
            floors[missing] = np.where(np.isfinite(values), values - self._margin, -np.inf)

    def _scored(self, waiting: list[_Candidates]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Return the pairs that reach what they must as one part with their deciding similarities; none for no rows."""
        if not waiting:
            return []
        one = len(waiting) == 1
        products = waiting[0].products if one else torch.cat([found.products for found in waiting], dim=1)
        least = waiting[0].least if one else torch.cat([found.least for found in waiting])
        rows = waiting[0].rows if one else torch.cat([found.rows for found in waiting])
        offsets = torch.cat([found.offsets for found in waiting]).cpu().numpy()
        hits = _flat_nonzero(products >= least)
        # They come row by row of the products, that is centroid by centroid.
        firsts = self._centroids * len(offsets)
        lengths = np.diff(np.searchsorted(hits, np.append(firsts, products.numel())))
        places = hits - np.repeat(firsts, lengths)
        grid = grid_rows(
            rows.to(self._grid.device), out=self._room[: len(rows)] if len(rows) <= len(self._room) else None
        )
        if len(hits) * _DENSE_COST > products.numel():
            scores = similarities(self._grid, grid).reshape(-1).take(torch.from_numpy(hits).to(grid.device))
        else:
            scores = self._pair_scores(np.repeat(self._centroids, lengths), grid, places)
        return [(lengths, offsets[places], scores.cpu().numpy())]

    def _pair_scores(self, centroids: np.ndarray, grid: torch.Tensor, places: np.ndarray) -> torch.Tensor:
        left, right = (torch.from_numpy(numbers).to(grid.device) for numbers in (centroids, places))
        scores = torch.empty(len(left), dtype=torch.float64, device=grid.device)
        step = max(1, _PAIR_ENTRIES // grid.shape[1])
        for start in range(0, len(left), step):
            part = slice(start, start + step)
            scores[part] = paired_similarities(
                self._grid.index_select(0, left[part]), grid.index_select(0, right[part])
            )
        return scores


def _flat_nonzero(mask: torch.Tensor) -> np.ndarray:
    """Return the flat places of the set entries, (p,) int64."""
    if mask.device.type == "cpu":
        # NumPy looks for set bytes several times as fast as torch.
        return np.flatnonzero(mask.numpy())
    return mask.reshape(-1).nonzero()[:, 0].cpu().numpy()
