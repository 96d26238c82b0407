"""Rounds: every centroid takes its most similar image that no earlier round took."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from simcore.selection.candidates import Candidates

# Entries looked at together when a pointer has to move past images that are taken: more each time in vain.
_WINDOWS = (8, 128)
_MAX_BATCH = 256
# Marks by position cost a byte an image; beyond this many images the candidates are numbered instead.
_MAX_MARKS = 1 << 26


@dataclass(frozen=True, eq=False)
class Round:
    """One round: its distinct images, most similar first (ties: lower key or position), and its value.

    Attributes:
        positions: (m,) int64.
        centroids: (m,) int32, the centroid that is most similar to the image among those that took it.
        scores: (m,) float64 deciding similarities to these centroids.
        value: mean over all centroids of the similarity of each one's own pick.
    """

    positions: np.ndarray
    centroids: np.ndarray
    scores: np.ndarray
    value: float


@dataclass(frozen=True)
class ListUse:
    """How far the lists were used.

    Attributes:
        depth: entries of the longest list.
        deepest_pointer: the furthest entry (from 1) that was used.
        slack: fewest entries left unused in a list that does not hold every allowed image; None when all do.
    """

    depth: int
    deepest_pointer: int
    slack: int | None


class Pointers:
    """One pointer into each list, moved round by round past what is taken.

    Args:
        starts: (k,) where each list starts in `entries`.
        lengths: (k,) entries of each list.
        entries: (p,) numbers of images, list after list.
        taken: a mark for each number, with one unmarked place more at its end. Changed in place.
    """

    def __init__(self, starts: np.ndarray, lengths: np.ndarray, entries: np.ndarray, taken: np.ndarray) -> None:
        self.starts, self.ends = starts, starts + lengths
        self.at = self.starts.copy()
        self._taken = taken
        self._level = 0
        self._numbers = np.arange(len(starts))
        # A pointer may look past the last list; there it finds the image that is never taken.
        self._entries = np.concatenate([entries, np.full(_WINDOWS[-1], len(taken) - 1, dtype=entries.dtype)])
        self._ahead = [np.lib.stride_tricks.sliding_window_view(self._entries, width) for width in _WINDOWS]

    def next_rounds(self, n_rounds: int) -> tuple[np.ndarray, bool]:
        """Return up to `n_rounds` rounds, (r, k) places in `entries`, and whether a list ended before the next one."""
        entries, taken, at = self._entries, self._taken, self.at
        history = np.empty((n_rounds, len(at)), dtype=np.int64)
        for number in range(n_rounds):
            stale = np.flatnonzero(taken.take(entries.take(at)))
            level, first = self._level, True
            while len(stale):
                width, here = _WINDOWS[level], at[stale]
                # `take` is more than twice as fast as indexing here.
                ahead = taken.take(self._ahead[level][here])
                step = ahead.argmin(axis=1)
                in_vain = ahead[self._numbers[: len(stale)], step]
                step[in_vain] = width
                at[stale] = np.minimum(here + step, self.ends[stale])
                if first:
                    first = False
                    self._adapt(level, step, int(np.count_nonzero(in_vain)))
                stale = stale[in_vain & (at[stale] < self.ends[stale])]
                level = min(level + 1, len(_WINDOWS) - 1)
            if (at >= self.ends).any():
                return history[:number], True
            taken[entries.take(at)] = True
            history[number] = at
        return history, False

    def _adapt(self, level: int, step: np.ndarray, n_in_vain: int) -> None:
        """Choose the window that the next round starts with: the smallest that serves most pointers at once."""
        few = len(self.at) // 8
        if n_in_vain > few:
            self._level = min(level + 1, len(_WINDOWS) - 1)
        elif level and np.count_nonzero(step >= _WINDOWS[level - 1]) <= few:
            self._level = level - 1


class Peeler:
    """Peels candidate lists round by round, and asks for new lists when a pointer reaches the end of one.

    A pointer only ever passes images that are taken, so nothing outside the lists can be missed while every pointer
    is inside its list. New lists leave out what is taken; each pass over the open-set yields at least as many images
    as its shortest list has entries, because a pointer at the end has seen that many taken.

    Args:
        candidates: the first lists.
        deepen: returns new lists without the given positions (increasing), or raises.
        rank_at: returns the tie-breaking ranks of positions; None where positions break ties themselves.
    """

    def __init__(
        self,
        candidates: Candidates,
        *,
        deepen: Callable[[np.ndarray], Candidates],
        rank_at: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self._n_allowed = candidates.n_allowed
        self._deepen = deepen
        self._rank_at = rank_at
        self._open(candidates)

    def _open(self, candidates: Candidates) -> None:
        # An empty list would ask for new ones forever.
        assert candidates.lengths.min() > 0, "a pass gave an empty candidate list"
        self._candidates = candidates
        self._used = np.zeros(len(candidates.lengths), dtype=np.int64)
        if candidates.n_rows <= max(_MAX_MARKS, len(candidates.positions)):
            self._numbers, entries, count = None, candidates.positions, candidates.n_rows
        else:
            self._numbers, entries = np.unique(candidates.positions, return_inverse=True)
            count = len(self._numbers)
        self._taken = np.zeros(count + 1, dtype=bool)
        self._pointers = Pointers(candidates.starts, candidates.lengths, entries, self._taken)

    @property
    def use(self) -> ListUse:
        """How far the rounds yielded so far have used the present lists."""
        lengths = self._candidates.lengths
        left = (lengths - self._used)[lengths < self._candidates.n_allowed]
        return ListUse(
            depth=int(lengths.max()),
            deepest_pointer=int(self._used.max()),
            slack=int(left.min()) if len(left) else None,
        )

    def rounds(self) -> Iterator[Round]:
        """Yield round after round until every allowed image is taken."""
        earlier: list[np.ndarray] = []
        batch = 1
        while True:
            places, at_end = self._pointers.next_rounds(batch)
            for row, round_ in zip(places, self._describe(places), strict=True):
                self._used = row - self._pointers.starts + 1
                yield round_
            batch = min(2 * batch, _MAX_BATCH)
            if at_end:
                numbers = np.flatnonzero(self._taken)
                earlier.append(numbers if self._numbers is None else self._numbers[numbers])
                taken = np.sort(np.concatenate(earlier))
                if len(taken) == self._n_allowed:
                    return
                self._open(self._deepen(taken))

    def _describe(self, places: np.ndarray) -> list[Round]:
        """Return the rounds whose picks stand at `places`, (r, k)."""
        n_rounds, n_centroids = places.shape
        if n_rounds == 0:
            return []
        picked = self._candidates.positions[places].astype(np.int64)
        scores = self._candidates.scores[places]
        values = [math.fsum(row) / n_centroids for row in scores.tolist()]
        # Most similar first within a round; a stable sort leaves equals in the order of the centroids.
        order = np.argsort(-scores, axis=1, kind="stable")
        picked, scores = np.take_along_axis(picked, order, axis=1), np.take_along_axis(scores, order, axis=1)
        tied = (scores[:, 1:] == scores[:, :-1]).any(axis=1)
        sorted_images = np.sort(picked, axis=1)
        shared = (sorted_images[:, 1:] == sorted_images[:, :-1]).any(axis=1)
        rounds = []
        for row, value in enumerate(values):
            images, similarities, centroids = picked[row], scores[row], order[row]
            if tied[row]:
                ranks = images if self._rank_at is None else self._rank_at(images)
                again = np.lexsort((centroids, ranks, -similarities))
                images, similarities, centroids = images[again], similarities[again], centroids[again]
            if shared[row]:
                # The first mention of an image is its best centroid.
                first = np.sort(np.unique(images, return_index=True)[1])
                images, similarities, centroids = images[first], similarities[first], centroids[first]
            rounds.append(Round(images, centroids.astype(np.int32), similarities, value))
        return rounds
