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
# Runs of this many pairs are copied one by one, shorter ones all together.
_LONG_RUN = 64


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
        limit: pairs held before they are cut to `depths`.
    """

    def __init__(self, depths: np.ndarray, floors: np.ndarray, *, ranks: np.ndarray | None, limit: int) -> None:
        self.depths = depths
        self.floors = floors
        self.count = 0
        self._ranks = ranks
        self._limit = limit
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
        lengths, positions, scores = self._grouped()
        sort_lists(lengths, positions, scores, ranks=self._ranks)
        return lengths, positions, scores

    def _grouped(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return all pairs grouped by centroid, in the order they came in."""
        if not self._parts:
            return np.zeros(len(self.depths), np.int64), np.empty(0, np.int64), np.empty(0)
        lengths = np.sum([part[0] for part in self._parts], axis=0)
        free = np.cumsum(lengths) - lengths
        positions = np.empty(self.count, dtype=self._parts[-1][1].dtype)
        scores = np.empty(self.count)
        few = self.count > _LONG_RUN * len(self._parts) * len(lengths)
        while self._parts:
            counts, part_positions, part_scores = self._parts.pop(0)
            if few:
                begin = 0
                for to, run in zip(free.tolist(), counts.tolist(), strict=True):
                    positions[to : to + run] = part_positions[begin : begin + run]
                    scores[to : to + run] = part_scores[begin : begin + run]
                    begin += run
            else:
                places = np.repeat(free - np.cumsum(counts) + counts, counts)
                places += np.arange(len(places))
                positions[places] = part_positions
                scores[places] = part_scores
            free += counts
        return lengths, positions, scores


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

    def sort(start: int, stop: int) -> None:
        part_positions, part_scores = positions[start:stop], scores[start:stop]
        order = _order(part_positions, part_scores, ranks)
        part_positions[:] = part_positions[order]
        part_scores[:] = part_scores[order]

    pieces = [(start, stop) for start, stop in pairwise(bounds) if stop - start > 1]
    if len(scores) < _PLACES // 8:
        for piece in pieces:
            sort(*piece)
        return
    # NumPy sorts without the interpreter lock.
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(lambda piece: sort(*piece), pieces))


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
