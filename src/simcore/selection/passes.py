"""One pass over an open-set: blocks in, candidate lists out."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from simcore.errors import InputError
from simcore.progress import progress
from simcore.selection.blocks import BlockWorker, Found
from simcore.selection.candidates import Candidates, PairBuffer
from simcore.selection.rows import Block, check_positions
from simcore.selection.similarity import GRID_BITS, fast_margin
from simcore.selection.sources import Source, StreamSource

# What a block and its products may take, and rows at most: near the caches of a CPU core, and enough to fill a GPU.
_BLOCK_LIMITS = {"cpu": (16 * 2**20, 8192), "cuda": (512 * 2**20, 1 << 20)}
# Blocks that a thread takes at a time: their few surviving rows are scored together.
_BLOCKS_A_TASK = 16


def refuse_nothing(found: Candidates) -> None:
    """Refuse lists of an open-set that has nothing to choose from.

    Raises:
        InputError: there is no image, or none that may be a candidate.
    """
    if found.n_rows == 0:
        raise InputError("`openset` has 0 rows; give at least one image to choose from.")
    if found.n_allowed == 0:
        raise InputError(f"All {found.n_rows:,} images are excluded; leave at least one to choose from.")


class Sweep:
    """Passes over one open-set with one set of centroids.

    Args:
        grid: (k, d) centroids as `grid_rows`, on the device that computes.
        source: the open-set.
        exclude: keys (positions where there are no keys) that may not be candidates.
        block_rows: rows multiplied at a time; chosen by d and k when None.
        show_progress: show a bar for each pass.

    Attributes:
        passes: passes made so far.
        margin: how far a float32 product can be from the deciding similarity.

    Raises:
        InputError: dimensions differ, `exclude` holds what cannot be a row, `block_rows` < 1.
    """

    def __init__(
        self,
        grid: torch.Tensor,
        source: Source,
        *,
        exclude: Iterable[Any] | None = None,
        block_rows: int | None = None,
        show_progress: bool = False,
    ) -> None:
        if block_rows is not None and block_rows < 1:
            raise InputError(f"`block_rows` is {block_rows}; a block has at least 1 row.")
        self.passes = 0
        self._grid = grid
        self.fast = (grid / 2.0**GRID_BITS).to(torch.float32)
        self.margin = fast_margin(grid.shape[1], device=grid.device)
        self._source = source
        if source.dim is not None:
            self._check_dim(source.dim)
        n_bytes, n_rows = _BLOCK_LIMITS.get(grid.device.type, _BLOCK_LIMITS["cuda"])
        self._block_rows = block_rows or max(256, min(n_rows, n_bytes // (4 * max(grid.shape))))
        self._show_progress = show_progress
        self._asked_to_exclude = None if exclude is None else list(exclude)
        # A stream tells only while it is read whether it has keys.
        self._exclude = None if source.n_rows is None else self._excluded()

    def run(self, depths: np.ndarray, floors: np.ndarray, *, taken: np.ndarray | None = None) -> Candidates:
        """Return the lists of one pass.

        Args:
            depths: (k,) entries that each list should have.
            floors: (k,) similarity at which each list may end before; -inf where none is known.
            taken: (t,) int64 increasing positions that are left out.

        Raises:
            InputError: no image may be a candidate, or one has no direction.
        """
        self.passes += 1
        found = self.collect(depths, floors, taken=taken)
        refuse_nothing(found)
        return found

    def collect(self, depths: np.ndarray, floors: np.ndarray, *, taken: np.ndarray | None = None) -> Candidates:
        """Return the lists of one read of the source; arguments as for `run`.

        The source may be a part of an open-set, and none of its images allowed: then the lists are empty.

        Raises:
            InputError: an image has no direction.
        """
        buffer = PairBuffer(depths, floors.copy(), ranks=self._source.ranks)
        n_rows = n_allowed = 0
        for block, mask, found in self._found(buffer, taken):
            n_rows = block.start + len(block.rows)
            n_allowed += len(block.rows) if mask is None else int((~mask).sum())
            # What this block left out, no list may claim to hold.
            np.maximum(buffer.floors, found.floors, out=buffer.floors)
            # Half the memory wherever 31 bits can count the images.
            wide = np.int32 if n_rows < 2**31 else np.int64
            for lengths, offsets, scores in found.parts:
                if isinstance(self._source, StreamSource) and block.keys is not None:
                    used = np.unique(offsets)
                    self._source.hold_keys(used + block.start, block.keys.take(pa.array(used)))
                buffer.add(lengths, (offsets + block.start).astype(wide), scores)
        starts, lengths, positions, scores = buffer.lists()
        return Candidates(starts, lengths, positions, scores, n_rows, n_allowed)

    def _found(self, buffer: PairBuffer, taken: np.ndarray | None) -> Iterator[tuple[Block, np.ndarray | None, Found]]:
        """Yield every block, in order, with the mask of what is left out and the pairs it adds.

        On a CPU each thread works on a block of its own: threads inside every small operation would mostly wait for
        each other, the more so on a machine with other work.
        """
        n_threads = torch.get_num_threads() if self._grid.device.type == "cpu" else 1
        workers: SimpleQueue[BlockWorker] = SimpleQueue()
        for _ in range(n_threads):
            workers.put(
                BlockWorker(self.fast, self._grid, self.margin, piece_rows=self._block_rows, name_of=self._name_of)
            )

        def work(block: Block, mask: np.ndarray | None) -> Found:
            worker = workers.get()
            try:
                return worker.find(block, mask, buffer.floors.copy(), buffer.depths)
            finally:
                workers.put(worker)

        if n_threads == 1:
            for block in self._blocks():
                mask = self._left_out(block, taken)
                yield block, mask, work(block, mask)
            return
        try:
            with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                waiting: deque[tuple[Block, np.ndarray | None, Future[Found]]] = deque()
                for block in self._blocks():
                    mask = self._left_out(block, taken)
                    waiting.append((block, mask, pool.submit(work, block, mask)))
                    if len(waiting) > n_threads:
                        first, first_mask, future = waiting.popleft()
                        yield first, first_mask, future.result()
                for first, first_mask, future in waiting:
                    yield first, first_mask, future.result()
        finally:
            # The setting is a thread's own, but threads that start later copy the latest one.
            torch.set_num_threads(n_threads)

    def _blocks(self) -> Iterator[Block]:
        # Keys are read along with the rows only where they decide about them.
        blocks = self._source.blocks(_BLOCKS_A_TASK * self._block_rows, with_keys=self._asked_to_exclude is not None)
        shown = self._show_progress
        with progress(
            (), description=f"scan {self.passes}", total=self._source.n_rows, unit="image", shown=shown
        ) as bar:
            for block in blocks:
                self._check_dim(int(block.rows.shape[1]))
                yield block
                bar.update(len(block.rows))

    def _check_dim(self, dim: int) -> None:
        if dim != self._grid.shape[1]:
            raise InputError(
                f"`centroids` has dimension {self._grid.shape[1]} but the open-set has {dim}; embed both with the same "
                "encoder."
            )

    def _name_of(self, block: Block, offset: int) -> str:
        keys = self._source.keys_at(np.array([block.start + offset])) if block.keys is None else block.keys[offset:]
        return f"index {block.start + offset:,}" if keys is None else f"key `{keys[0].as_py()}`"

    def _excluded(self) -> np.ndarray | pa.Array | None:
        """Return what may not be a candidate: keys as an Arrow array, or increasing positions."""
        if self._asked_to_exclude is None:
            return None
        if self._source.keyed:
            return pa.array([str(key) for key in self._asked_to_exclude], type=pa.string())
        return np.unique(np.array(check_positions(self._asked_to_exclude, self._source.n_rows), dtype=np.int64))

    def _left_out(self, block: Block, taken: np.ndarray | None) -> np.ndarray | None:
        """Return a (n,) mask of the rows of `block` that may not be candidates, or None when all may."""
        if block.start == 0:
            self._exclude = self._excluded()
        if self._exclude is None and taken is None:
            return None
        mask = np.zeros(len(block.rows), dtype=bool)
        if isinstance(self._exclude, pa.Array):
            mask |= np.asarray(pc.is_in(block.keys, value_set=self._exclude))
        elif self._exclude is not None:
            mask[_inside(self._exclude, block)] = True
        if taken is not None:
            mask[_inside(taken, block)] = True
        return mask


def _inside(positions: np.ndarray, block: Block) -> np.ndarray:
    """Return those of the increasing `positions` that are in `block`, as offsets."""
    first, last = np.searchsorted(positions, [block.start, block.start + len(block.rows)])
    return positions[first:last] - block.start
