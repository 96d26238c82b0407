"""The streaming scan: one look at every image, memory for the candidates only."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from simcore.errors import InputError
from simcore.progress import progress
from simcore.selection.lists import CandidateLists, centroid_fingerprint, key_ranks
from simcore.selection.similarity import (
    as_rows,
    fast_margin,
    grid_rows,
    paired_similarities,
    similarities,
)
from simcore.selection.sources import Block, OpenSet, Source, check_rows, open_source

# A block of rows and its products should stay near the caches of a CPU core, and fill a GPU.
_BLOCK_BYTES = {"cpu": 16 * 2**20, "cuda": 512 * 2**20}
# A float32 norm outside these bounds may have overflowed or lost digits; such blocks are taken to float64.
_SAFE_NORM = (1e-15, 1e15)
_SAMPLE_ROWS = 32_768


def scan(
    centroids: np.ndarray | torch.Tensor,
    openset: OpenSet,
    *,
    depth: int,
    keys: Sequence[str] | np.ndarray | None = None,
    exclude: Iterable[Any] | None = None,
    device: str = "auto",
    block_rows: int | None = None,
    show_progress: bool = False,
) -> CandidateLists:
    """Return every centroid's `depth` most similar images, in order (similarity down, then key or position up).

    Float32 products of a block bound the similarities from above with a stated margin
    (`simcore.selection.similarity.fast_margin`); what can still enter a list is scored by the deciding similarity,
    whose bits do not depend on the order of summation. So the lists are the same for any `block_rows` and number of
    threads, and lists of shards merge (`merge`) to the lists of the whole.

    Args:
        centroids: (k, d), normalised inside.
        openset: (N, d) array or tensor, an embeddings directory, or an iterable of blocks; rows are normalised inside.
        depth: images a list holds at most.
        keys: N unique strings for an array or tensor.
        exclude: keys (positions where there are no keys) that may not be picked.
        device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1".
        block_rows: rows handled at a time; chosen by d and k when None.
        show_progress: show a bar on standard error.

    Raises:
        InputError: `depth` < 1, dimensions differ, a row is zero or not finite, keys repeat.

    Cost: one read and 2·N·k·d float32 operations; memory k·depth·32 bytes and one block, whatever N.

    Example:
        >>> lists = scan(np.eye(2), np.array([[1.0, 0.2], [0.3, 1.0], [1.0, 1.0]]), depth=2)
        >>> lists.positions.tolist()
        [[0, 2], [1, 2]]
    """
    if depth < 1:
        raise InputError(f"`depth` is {depth}; a list must hold at least 1 image.")
    source = open_source(openset, keys=keys)
    scanner = Scanner(
        centroids, source, exclude=exclude, device=device, block_rows=block_rows, show_progress=show_progress
    )
    return scanner.lists(depth)


def choose_device(device: str) -> torch.device:
    """Return the device that "auto", "cpu", "cuda" or "cuda:n" stands for."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def unit_centroids(centroids: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Return `centroids` as (k, d) float32 on the CPU, checked to be finite and non-zero."""
    rows = check_rows(centroids, name="`centroids`").to("cpu", torch.float32)
    if len(rows) == 0:
        raise InputError("`centroids` has 0 rows; give at least one centroid.")
    bad = ~torch.isfinite(rows).all(dim=1) | (rows == 0).all(dim=1)
    if bool(bad.any()):
        raise InputError(
            f"Centroid {int(bad.nonzero()[0])} is zero or not finite, so it has no direction; fit the centroids again."
        )
    return rows


@dataclass
class _Pairs:
    """Scored (centroid, image) pairs that may belong to the lists."""

    centroids: list[np.ndarray]
    positions: list[np.ndarray]
    scores: list[np.ndarray]
    count: int = 0

    def add(self, centroids: np.ndarray, positions: np.ndarray, scores: np.ndarray) -> None:
        self.centroids.append(centroids)
        self.positions.append(positions)
        self.scores.append(scores)
        self.count += len(scores)

    def joined(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.concatenate(self.centroids), np.concatenate(self.positions), np.concatenate(self.scores)


class Scanner:
    """Reads one open-set against one set of centroids, as often as it takes."""

    def __init__(
        self,
        centroids: np.ndarray | torch.Tensor,
        source: Source,
        *,
        exclude: Iterable[Any] | None,
        device: str,
        block_rows: int | None,
        show_progress: bool,
    ) -> None:
        rows = unit_centroids(centroids)
        if source.dim is not None and source.dim != rows.shape[1]:
            raise InputError(
                f"`centroids` has dimension {rows.shape[1]} but the open-set has {source.dim}; "
                "embed both with the same encoder."
            )
        self.source = source
        self.device = choose_device(device)
        self.fingerprint = centroid_fingerprint(rows.numpy())
        self.grid = grid_rows(rows).to(self.device)
        self.fast = (self.grid / 2.0**26).to(torch.float32)
        self.margin = fast_margin(int(rows.shape[1]), device=self.device)
        if block_rows is None:
            budget = _BLOCK_BYTES.get(self.device.type, _BLOCK_BYTES["cuda"])
            block_rows = max(256, budget // (4 * max(rows.shape)))
        self.block_rows = block_rows
        self.show_progress = show_progress
        self.passes = 0
        self.n_excluded = 0
        self._exclude = None if exclude is None else list(exclude)
        if self._exclude is not None and not source.keyed and source.n_rows is not None:
            self._exclude = _positions(self._exclude, source.n_rows)

    @property
    def n_centroids(self) -> int:
        """Number of centroids."""
        return len(self.grid)

    def lists(self, depth: int, *, taken: np.ndarray | None = None) -> CandidateLists:
        """Return the lists of one pass over the open-set without the excluded images.

        Args:
            depth: images a list holds at most.
            taken: (t,) int64 increasing positions that count as excluded in this pass.
        """
        floors = self._sampled_floors(depth)
        positions, scores, names = self._pass(depth, floors, taken)
        assert self.source.n_rows is not None
        if self.source.n_rows == 0:
            raise InputError("`openset` has 0 rows; give at least one image to choose from.")
        allowed = self.source.n_rows - self.n_excluded - (0 if taken is None else len(taken))
        wanted = min(depth, allowed)
        if min((len(row) for row in scores), default=0) < wanted:
            # The sample promised more good candidates than there are: take the pass again without it.
            positions, scores, names = self._pass(depth, np.full(self.n_centroids, -np.inf), taken)
        matrix = np.stack(positions)
        key_positions = None if names is None else np.unique(matrix)
        return CandidateLists(
            positions=matrix,
            scores=np.stack(scores),
            n_rows=self.source.n_rows,
            n_excluded=self.source.n_rows - allowed,
            passes=self.passes,
            key_positions=key_positions,
            key_names=None if names is None else names.take(key_positions),
            fingerprints={"centroids": self.fingerprint, "openset": self.source.fingerprint()},
        )

    def _sampled_floors(self, depth: int) -> np.ndarray:
        """Return a score a centroid that about `depth` images reach, a little low so that few lists come short."""
        floors = np.full(self.n_centroids, -np.inf)
        n_rows = self.source.n_rows
        if n_rows is None or n_rows < 8 * _SAMPLE_ROWS:
            return floors
        rows = self.source.sample(_SAMPLE_ROWS)
        if rows is None:
            return floors
        expected = depth * len(rows) / n_rows
        rank = math.ceil(expected + 4 * math.sqrt(expected) + 4)
        if rank >= len(rows):
            return floors
        products = self._products(rows.to(self.device, torch.float32))
        floors[:] = torch.topk(products, rank, dim=1).values[:, -1].double().cpu().numpy() - self.margin
        # A sampled row that is zero or NaN would poison the floor; the pass itself names it.
        floors[~np.isfinite(floors)] = -np.inf
        return floors

    def _products(self, rows: torch.Tensor) -> torch.Tensor:
        norms = torch.linalg.vector_norm(rows, dim=1)
        return torch.mm(self.fast, rows.T).mul_(norms.reciprocal_())

    def _pass(
        self, depth: int, floors: np.ndarray, taken: np.ndarray | None
    ) -> tuple[list[np.ndarray], list[np.ndarray], "_Names | None"]:
        self.passes += 1
        self.n_excluded = 0
        floors = floors.copy()
        pairs = _Pairs([], [], [])
        names = _Names()
        limit = max(2 * self.n_centroids * depth, 1 << 16)
        blocks: Iterable[Block] = self.source.blocks(self.block_rows)
        bar = None
        if self.show_progress:
            bar = progress([], description=f"scan {self.passes}", total=self.source.n_rows, unit="image")
        for block in blocks:
            self._add_block(block, floors, taken, pairs, names)
            if pairs.count > limit:
                self._cut(pairs, names, depth, floors)
            if bar is not None:
                bar.update(len(block.rows))
        if bar is not None:
            bar.close()
        if self.source.dim is not None and self.source.dim != self.grid.shape[1]:
            raise InputError("unreachable")
        ends = self._cut(pairs, names, depth, floors)
        _, positions, scores = pairs.joined() if pairs.count else (None, np.empty(0, np.int64), np.empty(0))
        return (
            np.split(positions, ends[:-1]),
            np.split(scores, ends[:-1]),
            names if self.source.keyed else None,
        )

    def _add_block(
        self, block: Block, floors: np.ndarray, taken: np.ndarray | None, pairs: _Pairs, names: "_Names"
    ) -> None:
        if block.rows.shape[1] != self.grid.shape[1]:
            raise InputError(
                f"`centroids` has dimension {self.grid.shape[1]} but the open-set has {block.rows.shape[1]}; "
                "embed both with the same encoder."
            )
        rows = block.rows.to(self.device).to(torch.float32)
        banned = self._banned(block, taken)
        norms = torch.linalg.vector_norm(rows, dim=1)
        low, high = float(norms.min()), float(norms.max())
        if _SAFE_NORM[0] < low and high < _SAFE_NORM[1]:
            products = torch.mm(self.fast, rows.T).mul_(norms.reciprocal_())
        else:
            self._refuse_directionless(block, rows, banned)
            products = similarities(self.grid, grid_rows(rows)).to(torch.float32)
        if banned is not None:
            products[:, torch.from_numpy(banned).to(self.device)] = -math.inf
        bounds = torch.from_numpy(floors - 2 * self.margin).to(self.device, torch.float32)
        hits = (products >= bounds[:, None]).reshape(-1).nonzero()[:, 0]
        if banned is not None:
            hits = hits[products.reshape(-1)[hits] > -math.inf]
        if len(hits) == 0:
            return
        centroids, offsets = hits // len(rows), hits % len(rows)
        scores = self._scores(rows, centroids, offsets).cpu().numpy()
        centroids, offsets = centroids.cpu().numpy(), offsets.cpu().numpy()
        good = scores >= floors[centroids]
        centroids, offsets, scores = centroids[good], offsets[good], scores[good]
        pairs.add(centroids.astype(np.int32), offsets + block.start, scores)
        if block.keys is not None:
            used = np.unique(offsets)
            names.add(used + block.start, block.keys.take(pa.array(used)))

    def _scores(self, rows: torch.Tensor, centroids: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        """Return the deciding similarity of each (centroid, row) pair."""
        used, inverse = torch.unique(offsets, return_inverse=True)
        grid = grid_rows(rows[used])
        if len(offsets) * 8 > len(used) * self.n_centroids:
            return similarities(self.grid, grid)[centroids, inverse]
        step = max(1, (1 << 22) // grid.shape[1])
        return torch.cat(
            [
                paired_similarities(self.grid[centroids[i : i + step]], grid[inverse[i : i + step]])
                for i in range(0, len(offsets), step)
            ]
        )

    def _banned(self, block: Block, taken: np.ndarray | None) -> np.ndarray | None:
        """Return a (n,) mask of the rows of `block` that may not be candidates, or None when all may."""
        count = len(block.rows)
        banned = np.zeros(count, dtype=bool)
        if self._exclude is not None:
            if block.keys is not None:
                values = pa.array([str(key) for key in self._exclude], type=pa.string())
                banned = pc.is_in(block.keys, value_set=values).to_numpy(zero_copy_only=False).copy()
            else:
                inside = [p - block.start for p in self._exclude if block.start <= p < block.start + count]
                banned[inside] = True
            self.n_excluded += int(banned.sum())
        if taken is not None:
            first, last = np.searchsorted(taken, [block.start, block.start + count])
            banned[taken[first:last] - block.start] = True
        return banned if banned.any() else None

    def _refuse_directionless(self, block: Block, rows: torch.Tensor, banned: np.ndarray | None) -> None:
        bad = (~torch.isfinite(rows).all(dim=1) | (rows == 0).all(dim=1)).cpu().numpy()
        if banned is not None:
            bad &= ~banned
        if bad.any():
            offset = int(np.argmax(bad))
            what = "zero" if bool((rows[offset] == 0).all()) else "not finite (NaN or infinite in float32)"
            who = f"index {block.start + offset:,}" if block.keys is None else f"key `{block.keys[offset].as_py()}`"
            raise InputError(
                f"The open-set row with {who} is {what}, so it has no direction; remove it, `exclude` it or embed it again."
            )

    def _cut(self, pairs: _Pairs, names: "_Names", depth: int, floors: np.ndarray) -> np.ndarray:
        """Keep each centroid's best `depth` pairs, in order; return where each centroid's part ends."""
        if not pairs.count:
            return np.zeros(self.n_centroids, dtype=np.int64)
        centroids, positions, scores = pairs.joined()
        order = np.lexsort((self._tie_ranks(positions, names), -scores, centroids))
        counts = np.bincount(centroids, minlength=self.n_centroids)
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        kept = np.minimum(counts, depth)
        full = np.flatnonzero(counts >= depth)
        chosen = order[np.arange(kept.sum()) - np.repeat(np.cumsum(kept) - kept, kept) + np.repeat(starts, kept)]
        floors[full] = np.maximum(floors[full], scores[order[starts[full] + depth - 1]])
        positions = positions[chosen]
        pairs.centroids, pairs.positions, pairs.scores = [centroids[chosen]], [positions], [scores[chosen]]
        pairs.count = len(chosen)
        if self.source.keyed:
            names.keep(positions)
        return np.cumsum(kept)

    def _tie_ranks(self, positions: np.ndarray, names: "_Names") -> np.ndarray:
        if self.source.ordered:
            return positions
        unique, inverse = np.unique(positions, return_inverse=True)
        return key_ranks(names.take(unique))[inverse]


class _Names:
    """The keys of the images that are candidates now."""

    def __init__(self) -> None:
        self._positions: list[np.ndarray] = []
        self._keys: list[pa.Array] = []

    def add(self, positions: np.ndarray, keys: pa.Array) -> None:
        self._positions.append(positions)
        self._keys.append(keys)

    def keep(self, positions: np.ndarray) -> None:
        """Forget all keys but those at `positions`."""
        wanted = np.unique(positions)
        self._keys = [self.take(wanted)]
        self._positions = [wanted]

    def take(self, positions: np.ndarray) -> pa.Array:
        """Return the keys at `positions`; blocks come in order, so the positions held increase."""
        held = np.concatenate(self._positions)
        return pa.concat_arrays(self._keys).take(pa.array(np.searchsorted(held, positions)))


def _positions(values: Sequence[Any], n_rows: int) -> list[int]:
    positions = []
    for value in values:
        if isinstance(value, str) or int(value) != value or not 0 <= value < n_rows:
            raise InputError(
                f"`exclude` holds {value!r}, but this open-set has no keys: give positions from 0 to {n_rows - 1:,}, "
                "or give the open-set `keys`."
            )
        positions.append(int(value))
    return positions
