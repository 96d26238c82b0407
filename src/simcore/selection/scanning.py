"""The streaming scan: one look at every image, memory for the candidates only."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from simcore.errors import InputError
from simcore.progress import progress
from simcore.selection.candidates import Candidates, PairBuffer
from simcore.selection.forecast import Forecast, sample_size
from simcore.selection.lists import CandidateLists, centroid_fingerprint
from simcore.selection.similarity import (
    GRID_BITS,
    fast_margin,
    grid_rows,
    paired_similarities,
    similarities,
)
from simcore.selection.sources import (
    Block,
    OpenSet,
    Source,
    StreamSource,
    check_positions,
    check_rows,
    open_source,
)

# A block of rows and its products should stay near the caches of a CPU core, and fill a GPU.
_BLOCK_BYTES = {"cpu": 2 * 2**20, "cuda": 512 * 2**20}
# A float32 norm outside these bounds may have overflowed or lost digits; such blocks are taken to float64.
_SAFE_NORM = (1e-15, 1e15)
# No similarity is below -1; excluded images get less than this bound, so that they never pass.
_NO_BOUND, _EXCLUDED = -2.0, -3.0
# A dense float64 product of a block is taken where it needs fewer than this many entries a pair.
_PAIR_COST = 40
_DENSE = 1.3
# Pairs are scored in pieces of 1 MiB a side.
_PAIR_ENTRIES = 1 << 17


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

    Cost: one read and 2·N·k·d float32 operations; memory k·depth·50 bytes and one block, whatever N.

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
    bad = directionless(rows)
    if bad.any():
        raise InputError(
            f"Centroid {int(np.argmax(bad))} is zero or not finite, so it has no direction; fit the centroids again."
        )
    return rows


def directionless(rows: torch.Tensor) -> np.ndarray:
    """Return a (n,) mask of the rows that are zero or not finite."""
    return (~torch.isfinite(rows).all(dim=1) | (rows == 0).all(dim=1)).cpu().numpy()


class Scanner:
    """Reads one open-set against one set of centroids, as often as it takes.

    Attributes:
        source: the open-set.
        n_centroids: k.
        passes: how often the open-set was read so far.
        n_excluded: images that `exclude` named, known after a pass.
    """

    def __init__(
        self,
        centroids: np.ndarray | torch.Tensor,
        source: Source,
        *,
        exclude: Iterable[Any] | None = None,
        device: str = "auto",
        block_rows: int | None = None,
        show_progress: bool = False,
    ) -> None:
        rows = unit_centroids(centroids)
        self.n_centroids, self._dim = rows.shape
        self.source = source
        self.passes = 0
        self.n_excluded = 0
        if source.dim is not None:
            self._check_dim(source.dim)
        if block_rows is not None and block_rows < 1:
            raise InputError(f"`block_rows` is {block_rows}; a block has at least 1 row.")
        self._device = choose_device(device)
        self._fingerprint = centroid_fingerprint(rows.numpy())
        self._grid = grid_rows(rows).to(self._device)
        self._fast = (self._grid / 2.0**GRID_BITS).to(torch.float32)
        self._margin = fast_margin(self._dim, device=self._device)
        budget = _BLOCK_BYTES.get(self._device.type, _BLOCK_BYTES["cuda"])
        self._block_rows = block_rows or max(256, budget // (4 * max(rows.shape)))
        self._show_progress = show_progress
        self._forecast: Forecast | None = None
        self._asked_to_exclude = None if exclude is None else list(exclude)
        self._exclude: np.ndarray | pa.Array | None = None
        if source.n_rows is not None:
            self._exclude = self._excluded()

    def _excluded(self) -> np.ndarray | pa.Array | None:
        """Return what may not be picked: keys as an Arrow array, or sorted positions; known once `source.keyed` is."""
        if self._asked_to_exclude is None:
            return None
        if self.source.keyed:
            return pa.array([str(key) for key in self._asked_to_exclude], type=pa.string())
        return np.sort(np.array(check_positions(self._asked_to_exclude, self.source.n_rows), dtype=np.int64))

    def fingerprints(self) -> dict[str, Any]:
        """Return what identifies centroids and open-set."""
        return {"centroids": self._fingerprint, "openset": self.source.fingerprint()}

    def lists(self, depth: int) -> CandidateLists:
        """Return lists of exactly `depth` images, or of all allowed ones where these are fewer."""
        floors = self._sampled_floors(depth)
        depths = np.full(self.n_centroids, depth)
        found = self._pass(depths, floors, None)
        wanted = min(depth, found.n_allowed)
        if (found.lengths < wanted).any():
            # The sample promised more good images than there are: once more without it.
            found = self._pass(depths, np.full(self.n_centroids, -np.inf), None)
        places = found.starts[:, None] + np.arange(wanted)
        positions = found.positions[places].astype(np.int64)
        key_positions = np.unique(positions) if self.source.keyed else None
        return CandidateLists(
            positions=positions,
            scores=found.scores[places],
            n_rows=found.n_rows,
            n_excluded=self.n_excluded,
            passes=self.passes,
            key_positions=key_positions,
            key_names=None if key_positions is None else self.source.keys_at(key_positions),
            fingerprints=self.fingerprints(),
        )

    def candidates(
        self, *, budget: int | None, depth: int | None, max_pairs: int, taken: np.ndarray | None = None
    ) -> Candidates:
        """Return lists that should do for `budget` more picks, of about `max_pairs` entries in all at most.

        Args:
            budget: picks that may still come; None means no cap.
            depth: entries of each list; None means as many as the budget needs, tried on a sample where there is one.
            max_pairs: bound on memory.
            taken: (t,) int64 increasing positions that are left out.
        """
        affordable = max(1, max_pairs // self.n_centroids)
        if depth is None:
            forecast = self._try_sample()
            if forecast is not None and forecast.n_rows:
                goal = forecast.n_rows if budget is None else budget
                depths, floors = forecast.depths_and_floors(budget=goal, taken=taken, max_pairs=max_pairs)
                return self._pass(depths, floors, taken)
            depth = min(affordable, _plain_depth(self.n_centroids, budget, rereadable=self.source.rereadable))
        return self._pass(np.full(self.n_centroids, depth), np.full(self.n_centroids, -np.inf), taken)

    def _try_sample(self) -> Forecast | None:
        if self._forecast is None and self.source.n_rows is not None:
            count = sample_size(self.n_centroids, self.source.n_rows)
            sample = self.source.sample(count) if count else None
            if sample is not None:
                positions, rows = sample
                products = self._products(rows.to(self._device, torch.float32))
                # A sampled row without a direction says nothing here; the pass itself names it.
                self._forecast = Forecast.of(positions, products.nan_to_num_(nan=_EXCLUDED), self.source.n_rows)
        return self._forecast

    def _sampled_floors(self, depth: int) -> np.ndarray:
        """Return a similarity that about `depth` images of each centroid reach, low enough to be rarely missed."""
        forecast = self._try_sample()
        if forecast is None:
            return np.full(self.n_centroids, -np.inf)
        return forecast.floors(depth) - self._margin

    def _products(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.mm(self._fast, rows.T).mul_(torch.linalg.vector_norm(rows, dim=1).reciprocal_())

    def _check_dim(self, dim: int) -> None:
        if dim != self._dim:
            raise InputError(
                f"`centroids` has dimension {self._dim} but the open-set has {dim}; embed both with the same encoder."
            )

    def _pass(self, depths: np.ndarray, floors: np.ndarray, taken: np.ndarray | None) -> Candidates:
        """Return the lists of one pass: at least `depths` entries or down to the floor, whichever ends first."""
        self.passes += 1
        self.n_excluded = 0
        buffer = PairBuffer(
            depths, floors.copy(), ranks=self.source.ranks, limit=max(1 << 16, 2 * int(depths.sum()))
        )
        worker = _BlockWorker(self._fast, self._grid, self._margin, self._block_rows)
        n_rows = 0
        for block in self._shown(self.source.blocks(self._block_rows)):
            self._check_dim(int(block.rows.shape[1]))
            found = worker.pairs(block, self._banned(block, taken), buffer.floors, buffer.depths)
            n_rows = block.start + len(block.rows)
            if found is None:
                continue
            lengths, offsets, scores = found
            if isinstance(self.source, StreamSource) and block.keys is not None:
                used = np.unique(offsets)
                self.source.hold_keys(used + block.start, block.keys.take(pa.array(used)))
            # Half the memory wherever 31 bits can count the images.
            wide = np.int32 if n_rows < 2**31 else np.int64
            buffer.add(lengths, (offsets + block.start).astype(wide), scores)
        if n_rows == 0:
            raise InputError("`openset` has 0 rows; give at least one image to choose from.")
        n_allowed = n_rows - self.n_excluded - (0 if taken is None else len(taken))
        if n_allowed == 0:
            raise InputError(f"All {n_rows:,} images are excluded; leave at least one to choose from.")
        starts, lengths, positions, scores = buffer.lists()
        return Candidates(starts, lengths, positions, scores, n_rows, n_allowed)

    def _shown(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Yield `blocks`, with a bar that counts images where one is wanted."""
        if not self._show_progress:
            yield from blocks
            return
        with progress((), description=f"scan {self.passes}", total=self.source.n_rows, unit="image") as bar:
            for block in blocks:
                yield block
                bar.update(len(block.rows))

    def _banned(self, block: Block, taken: np.ndarray | None) -> np.ndarray | None:
        """Return a (n,) mask of the rows of `block` that may not be candidates, or None when all may."""
        count = len(block.rows)
        banned = np.zeros(count, dtype=bool)
        if block.start == 0:
            self._exclude = self._excluded()
        if isinstance(self._exclude, pa.Array):
            banned |= np.asarray(pc.is_in(block.keys, value_set=self._exclude))
        elif self._exclude is not None:
            banned[_inside(self._exclude, block.start, count)] = True
        self.n_excluded += int(banned.sum())
        if taken is not None:
            banned[_inside(taken, block.start, count)] = True
        return banned if banned.any() else None


def _inside(positions: np.ndarray, start: int, count: int) -> np.ndarray:
    """Return the sorted `positions` from `start` on, up to `count` of them, relative to `start`."""
    first, last = np.searchsorted(positions, [start, start + count])
    return positions[first:last] - start


def _plain_depth(n_centroids: int, budget: int | None, *, rereadable: bool) -> int:
    """Return a depth for lists that no sample has forecast."""
    if budget is None:
        return 4096
    if not rereadable:
        # There is no second pass; a list as long as the budget cannot be outrun.
        return budget
    # Where centroids share no images a list loses one entry a round; four times that covers moderate sharing.
    return min(budget, 4 * -(-budget // n_centroids) + 64)


class _BlockWorker:
    """Finds the pairs of a block that reach their centroid's floor; owns the memory that every block uses again."""

    def __init__(self, fast: torch.Tensor, grid: torch.Tensor, margin: float, block_rows: int) -> None:
        self._fast, self._grid, self._margin = fast, grid, margin
        n_centroids, dim = fast.shape
        self._rows = torch.empty((block_rows, dim), device=fast.device)
        self._products = torch.empty(n_centroids * block_rows, device=fast.device)
        self._passes = torch.empty(n_centroids * block_rows, dtype=torch.bool, device=fast.device)

    def pairs(
        self, block: Block, banned: np.ndarray | None, floors: np.ndarray, depths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Return `(lengths, offsets, scores)` of all pairs at or above `floors` and some below, grouped by centroid.

        Where a centroid has no floor yet, this block's own products set one. Changes `floors` in place.
        """
        count, n_centroids = len(block.rows), len(self._fast)
        rows = block.rows
        if rows.dtype != torch.float32 or rows.device != self._rows.device:
            rows = self._rows[:count].copy_(block.rows)
        products = self._normalised_products(block, rows, banned)
        if banned is not None:
            products[:, torch.from_numpy(banned).to(products.device)] = _EXCLUDED
        self._raise_missing_floors(products, floors, depths)
        # One margin for the product and one for rounding the bound itself.
        bounds = np.maximum(floors - 2 * self._margin, _NO_BOUND)
        hits = self._reaching(products, bounds)
        if len(hits) == 0:
            return None
        # Hits come row by row of the (k, n) products, that is centroid by centroid.
        firsts = np.arange(n_centroids) * count
        lengths = np.diff(np.searchsorted(hits, np.append(firsts, n_centroids * count)))
        offsets = hits - np.repeat(firsts, lengths)
        return lengths, offsets, self._scores(rows, hits, lengths, offsets)

    def _reaching(self, products: torch.Tensor, bounds: np.ndarray) -> np.ndarray:
        """Return the flat places of the products that reach their row's bound, (p,) int64."""
        passes = self._passes[: products.numel()].view(products.shape)
        if products.device.type == "cpu":
            # NumPy compares and looks for set bytes three times as fast as torch.
            np.greater_equal(products.numpy(), bounds[:, None].astype(np.float32), out=passes.numpy())
            return np.flatnonzero(passes.numpy())
        torch.ge(products, torch.from_numpy(bounds).to(products)[:, None], out=passes)
        return passes.reshape(-1).nonzero()[:, 0].cpu().numpy()

    def _normalised_products(self, block: Block, rows: torch.Tensor, banned: np.ndarray | None) -> torch.Tensor:
        count, n_centroids = len(rows), len(self._fast)
        products = self._products[: n_centroids * count].view(n_centroids, count)
        norms = torch.linalg.vector_norm(rows, dim=1)
        low, high = torch.aminmax(norms)
        if not (float(low) > _SAFE_NORM[0] and float(high) < _SAFE_NORM[1]):
            refuse_directionless(block, rows, banned)
            return products.copy_(similarities(self._grid, grid_rows(rows)))
        norms.reciprocal_()
        # Whichever is smaller is scaled: the rows before the product, or the products.
        if rows.shape[1] < n_centroids:
            rows = torch.mul(rows, norms[:, None], out=self._rows[:count])
            return torch.mm(self._fast, rows.T, out=products)
        return torch.mm(self._fast, rows.T, out=products).mul_(norms)

    def _raise_missing_floors(self, products: torch.Tensor, floors: np.ndarray, depths: np.ndarray) -> None:
        """Give centroids without a floor the product that `depths` images of this block reach, less the margin."""
        missing = np.flatnonzero(np.isneginf(floors) & (depths < products.shape[1]))
        if len(missing) == 0:
            return
        depth = int(depths[missing].max())
        if depth >= products.shape[1]:
            return
        reached = torch.topk(products[torch.from_numpy(missing).to(products.device)], depth, dim=1).values[:, -1]
        values = reached.double().cpu().numpy()
        floors[missing] = np.where(values > _NO_BOUND, values - self._margin, -np.inf)

    def _scores(
        self, rows: torch.Tensor, hits: np.ndarray, lengths: np.ndarray, offsets: np.ndarray
    ) -> np.ndarray:
        """Return the deciding similarity of each pair, (p,) float64."""
        device, count = rows.device, len(rows)
        marks = np.zeros(count, dtype=bool)
        marks[offsets] = True
        used = np.flatnonzero(marks)
        if _DENSE * len(used) > count:
            # Nearly every row: leave none out.
            return similarities(self._grid, grid_rows(rows)).reshape(-1)[_to(hits, device)].cpu().numpy()
        places = np.cumsum(marks) - 1
        grid = grid_rows(rows.index_select(0, _to(used, device)))
        right = _to(places[offsets], device)
        if len(hits) * _PAIR_COST > len(used) * len(lengths):
            left = _to(np.repeat(np.arange(len(lengths)) * len(used), lengths), device)
            return similarities(self._grid, grid).reshape(-1)[left + right].cpu().numpy()
        left = _to(np.repeat(np.arange(len(lengths)), lengths), device)
        right = _to(places[offsets], device)
        scores = torch.empty(len(hits), dtype=torch.float64, device=device)
        step = max(1, _PAIR_ENTRIES // grid.shape[1])
        for start in range(0, len(hits), step):
            part = slice(start, start + step)
            scores[part] = paired_similarities(
                self._grid.index_select(0, left[part]), grid.index_select(0, right[part])
            )
        return scores.cpu().numpy()


def _to(values: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(values).to(device)


def refuse_directionless(block: Block, rows: torch.Tensor, banned: np.ndarray | None) -> None:
    """Refuse a block with a zero or non-finite row that may be picked.

    Raises:
        InputError: naming its key or index.
    """
    bad = directionless(rows)
    if banned is not None:
        bad &= ~banned
    if bad.any():
        offset = int(np.argmax(bad))
        what = "zero" if bool((rows[offset] == 0).all()) else "not finite (NaN or infinite in float32)"
        who = f"index {block.start + offset:,}" if block.keys is None else f"key `{block.keys[offset].as_py()}`"
        raise InputError(
            f"The open-set row with {who} is {what}, so it has no direction; remove it, `exclude` it or embed it again."
        )
