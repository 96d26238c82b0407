"""Scored pairs of centroid and image: collected block by block, cut to what matters, sorted for peeling."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

# A sort key of 63 bits holds the similarity on a 2^-42 grid above 20 bits for the place in the list.
_KEY_SCALE = float(2**42)
_PLACE_BITS = 20
_PLACES = 1 << _PLACE_BITS
# Runs of this many pairs on average are gathered list by list, shorter ones all together.
_LONG_RUN = 64
# Pairs that are held at least before they are cut to what the lists want.
_MIN_PAIRS = 1 << 14


@dataclass(frozen=True, eq=False)
class Candidates:
    """Each centroid's most similar images in order (similarity down, key or position up), lists one after another.

    Every list is a prefix of the order over all allowed images: nothing that belongs above its last entry is missing.

    Attributes:
        starts: (k,) int64 and
        lengths: (k,) int64: the list of centroid q is `starts[q]:starts[q] + lengths[q]`.
        positions: (p,) int32 or int64.
        scores: (p,) float64.
        n_rows: images in the open-set.
        n_allowed: images that could be candidates.
    """

    starts: np.ndarray
    lengths: np.ndarray
    positions: np.ndarray
    scores: np.ndarray
    n_rows: int
    n_allowed: int


class PairBuffer:
    """Collects pairs of a scan and keeps those that can still belong to a list.

    Args:
        depths: (k,) entries that are wanted of each list.
        floors: (k,) similarity below which no pair is wanted; rises as better pairs come. Changed in place.
        ranks: rank of each position where positions do not break ties themselves.
        limit: pairs held before they are cut to `depths`; 1.25 times what is wanted when None, and not few.
    """

    def __init__(
        self, depths: np.ndarray, floors: np.ndarray, *, ranks: np.ndarray | None, limit: int | None = None
    ) -> None:
        self.depths = depths
        self.floors = floors
        self.count = 0
        self._ranks = ranks
        self._limit = max(_MIN_PAIRS, int(1.25 * int(depths.sum()))) if limit is None else limit
        self._cut_once = np.zeros(len(depths), dtype=bool)
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, lengths: np.ndarray, positions: np.ndarray, scores: np.ndarray) -> None:
        """Add pairs that are grouped by centroid, `lengths[q]` of them for centroid q, positions increasing in each."""
        self._parts.append((lengths, positions, scores))
        self.count += len(scores)
        if self.count > self._limit:
            self._parts = [self._cut()]
            self.count = len(self._parts[0][2])

    def lists(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return `(starts, lengths, positions, scores)` of the sorted lists; the buffer is empty afterwards.

        A list that was never cut holds all pairs at or above its floor; one that was cut holds `depths[q]`.
        """
        lengths, positions, scores = self._sorted()
        starts = np.cumsum(lengths) - lengths
        above = [
            np.searchsorted(-scores[start : start + length], -floor, side="right")
            for start, length, floor in zip(starts, lengths, self.floors, strict=True)
        ]
        return starts, np.where(self._cut_once, np.minimum(above, self.depths), above), positions, scores

    def _cut(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        lengths, positions, scores = self._sorted()
        ends = np.cumsum(lengths)
        full = lengths >= self.depths
        last = (ends - lengths + self.depths - 1)[full]
        self.floors[full] = np.maximum(self.floors[full], scores[last])
        self._cut_once |= full
        return _heads(lengths, np.minimum(lengths, self.depths), positions, scores)

    def _sorted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return `(lengths, positions, scores)` of all pairs, list after list, each in order."""
        parts, self._parts = self._parts, []
        if not parts:
            return np.zeros(len(self.depths), np.int64), np.empty(0, np.int64), np.empty(0)
        lengths = np.sum([part[0] for part in parts], axis=0)
        positions = np.empty(self.count, dtype=parts[-1][1].dtype)
        scores = np.empty(self.count)
        if self.count > _LONG_RUN * len(parts) * len(lengths):
            self._sort_runs(parts, lengths, positions, scores)
        else:
            _group(parts, lengths, positions, scores)
            sort_lists(lengths, positions, scores, ranks=self._ranks)
        return lengths, positions, scores

    def _sort_runs(
        self,
        parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
        lengths: np.ndarray,
        positions: np.ndarray,
        scores: np.ndarray,
    ) -> None:
        """Write the sorted lists into `positions` and `scores`: each is gathered from its runs and sorted in one go."""
        ends = np.cumsum(lengths)
        run_ends = [np.cumsum(counts) for counts, _, _ in parts]

        def sort(centroid: int) -> None:
            runs = [
                slice(last[centroid] - part[0][centroid], last[centroid])
                for part, last in zip(parts, run_ends, strict=True)
            ]
            own_positions = np.concatenate([part[1][run] for part, run in zip(parts, runs, strict=True)])
            own_scores = np.concatenate([part[2][run] for part, run in zip(parts, runs, strict=True)])
            order = _order(own_positions, own_scores, self._ranks)
            place = slice(ends[centroid] - lengths[centroid], ends[centroid])
            positions[place] = own_positions[order]
            scores[place] = own_scores[order]

        # NumPy sorts without the interpreter lock.
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(sort, range(len(lengths))))


def _group(
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    lengths: np.ndarray,
    positions: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Write all pairs into `positions` and `scores`, list after list, in the order they came in."""
    free = np.cumsum(lengths) - lengths
    while parts:
        counts, part_positions, part_scores = parts.pop(0)
        places = np.repeat(free - np.cumsum(counts) + counts, counts) + np.arange(len(part_scores))
        positions[places] = part_positions
        scores[places] = part_scores
        free += counts


def _heads(
    lengths: np.ndarray, kept: np.ndarray, positions: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the first `kept[q]` pairs of each list."""
    if (kept == lengths).all():
        return lengths, positions, scores
    starts = np.cumsum(lengths) - lengths
    places = np.repeat(starts - np.cumsum(kept) + kept, kept) + np.arange(kept.sum())
    return kept, positions[places], scores[places]


def sort_lists(lengths: np.ndarray, positions: np.ndarray, scores: np.ndarray, *, ranks: np.ndarray | None) -> None:
    """Sort each list in place: similarity down, then rank (position without `ranks`) up.

    Lists must come with positions increasing where `ranks` is None. Keys of one integer sort several times faster
    than an argsort; where their grid leaves a tie, the list is sorted again by the full similarity.
    """
    bounds = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    for start, stop in pairwise(bounds):
        part_positions, part_scores = positions[start:stop], scores[start:stop]
        order = _order(part_positions, part_scores, ranks)
        part_positions[:] = part_positions[order]
        part_scores[:] = part_scores[order]


def _order(positions: np.ndarray, scores: np.ndarray, ranks: np.ndarray | None) -> np.ndarray:
    if len(scores) <= _PLACES and ranks is None:
        keys = (scores * -_KEY_SCALE).astype(np.int64)
        keys <<= _PLACE_BITS
        keys += np.arange(len(keys))
        keys.sort()
        order = keys & (_PLACES - 1)
        keys >>= _PLACE_BITS
        if not (keys[1:] == keys[:-1]).any():
            return order
    return np.lexsort((positions if ranks is None else ranks[positions], -scores))
