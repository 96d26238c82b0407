"""The streaming scan: one look at every image, memory for the candidates only."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
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
from simcore.selection.blocks import BlockWorker, Found, directionless
from simcore.selection.similarity import GRID_BITS, fast_margin, grid_rows
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
# Blocks that a thread takes at a time: their few surviving rows are scored together.
_BLOCKS_A_TASK = 16


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
                self._forecast = Forecast.of(
                    positions, products.nan_to_num_(nan=-1.0, posinf=-1.0, neginf=-1.0), self.source.n_rows
                )
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
        buffer = PairBuffer(depths, floors.copy(), ranks=self.source.ranks, limit=max(1 << 16, 2 * int(depths.sum())))
        n_rows = 0
        for block, found in self._found(buffer, taken):
            n_rows = block.start + len(block.rows)
            # What this block left out, no list may claim to hold.
            np.maximum(buffer.floors, found.floors, out=buffer.floors)
            # Half the memory wherever 31 bits can count the images.
            wide = np.int32 if n_rows < 2**31 else np.int64
            for lengths, offsets, scores in found.parts:
                if isinstance(self.source, StreamSource) and block.keys is not None:
                    used = np.unique(offsets)
                    self.source.hold_keys(used + block.start, block.keys.take(pa.array(used)))
                buffer.add(lengths, (offsets + block.start).astype(wide), scores)
        if n_rows == 0:
            raise InputError("`openset` has 0 rows; give at least one image to choose from.")
        n_allowed = n_rows - self.n_excluded - (0 if taken is None else len(taken))
        if n_allowed == 0:
            raise InputError(f"All {n_rows:,} images are excluded; leave at least one to choose from.")
        starts, lengths, positions, scores = buffer.lists()
        return Candidates(starts, lengths, positions, scores, n_rows, n_allowed)

    def _found(self, buffer: PairBuffer, taken: np.ndarray | None) -> Iterator[tuple[Block, "Found"]]:
        """Yield every block, in order, with the pairs it adds.

        On a CPU each thread works on a block of its own: threads inside every small operation would mostly wait for
        each other, the more so on a machine with other work.
        """
        n_threads = torch.get_num_threads() if self._device.type == "cpu" else 1
        workers: SimpleQueue[BlockWorker] = SimpleQueue()
        for _ in range(n_threads):
            workers.put(
                BlockWorker(self._fast, self._grid, self._margin, piece_rows=self._block_rows, name_of=self._name_of)
            )

        def work(block: Block, banned: np.ndarray | None) -> Found:
            worker = workers.get()
            try:
                return worker.find(block, banned, buffer.floors.copy(), buffer.depths)
            finally:
                workers.put(worker)

        blocks = self._checked(
            self._shown(self.source.blocks(_BLOCKS_A_TASK * self._block_rows, with_keys=self._needs_keys()))
        )
        if n_threads == 1:
            for block in blocks:
                yield block, work(block, self._banned(block, taken))
            return
        with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            waiting: deque[tuple[Block, Future[Found]]] = deque()
            for block in blocks:
                waiting.append((block, pool.submit(work, block, self._banned(block, taken))))
                if len(waiting) > n_threads:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for first, future in waiting:
                yield first, future.result()
        # The setting is a thread's own, but new threads copy the latest one.
        torch.set_num_threads(n_threads)

    def _name_of(self, block: Block, offset: int) -> str:
        keys = block.keys if block.keys is None else block.keys.slice(offset, 1)
        if keys is None:
            keys = self.source.keys_at(np.array([block.start + offset]))
        return f"index {block.start + offset:,}" if keys is None else f"key `{keys[0].as_py()}`"

    def _needs_keys(self) -> bool:
        """Keys are read along with the rows only where they decide about them."""
        return self._asked_to_exclude is not None

    def _checked(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            self._check_dim(int(block.rows.shape[1]))
            yield block

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
