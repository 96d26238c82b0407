"""Rounds: every centroid takes its most similar image that no earlier round took."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from simcore.errors import InputError
from simcore.selection.lists import CandidateLists, key_ranks

# Entries looked at together when a pointer has to move past images that are taken.
_WINDOW = 16
_MAX_BATCH = 256


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


class Peeler:
    """Peels candidate lists round by round, and asks for new lists when a pointer reaches the end of one.

    A pointer only ever passes images that are taken, so nothing outside the lists can be missed while every pointer
    is inside its list. New lists leave out what is taken; each pass over the open-set yields at least `depth` images
    more, because a pointer at the end of its list has seen that many taken.

    Attributes:
        lists: the lists in use.
        deepest_pointer: the furthest entry (from 1) of these lists that a yielded round has used or passed.
    """

    def __init__(
        self, lists: CandidateLists, deepen: Callable[[np.ndarray, CandidateLists], CandidateLists]
    ) -> None:
        self.lists = lists
        self.deepest_pointer = 0
        self.n_taken = 0
        self._deepen = deepen
        self._open(lists)

    def _open(self, lists: CandidateLists) -> None:
        self.lists = lists
        self.deepest_pointer = 0
        # Local numbers of the distinct candidates: a mark each costs k·depth at most, whatever N.
        self._unique, inverse = np.unique(lists.positions, return_inverse=True)
        self._ranks = np.arange(len(self._unique))
        if lists.key_names is not None:
            self._ranks = key_ranks(lists.keys_at(self._unique))
        end = np.full((lists.n_centroids, _WINDOW + 1), len(self._unique))
        self._entries = np.concatenate([inverse.reshape(lists.positions.shape), end], axis=1).astype(np.int64)
        self._taken = np.zeros(len(self._unique) + 1, dtype=bool)
        self._cursors = np.zeros(lists.n_centroids, dtype=np.int64)

    def rounds(self) -> Iterator[Round]:
        """Yield round after round until every allowed image is taken."""
        taken: list[np.ndarray] = []
        batch = 1
        while True:
            if self.lists.depth == 0:
                return
            cursors, at_end = self._peel(batch)
            for number, round_ in enumerate(self._describe(cursors)):
                self.deepest_pointer = max(self.deepest_pointer, int(cursors[number].max()) + 1)
                yield round_
            batch = min(2 * batch, _MAX_BATCH)
            if at_end:
                if self.lists.complete:
                    return
                taken.append(self._unique[self._taken[:-1]])
                self._open(self._deepen(np.sort(np.concatenate(taken)), self.lists))

    def _peel(self, n_rounds: int) -> tuple[np.ndarray, bool]:
        """Return the pointers of up to `n_rounds` rounds, (r, k), and whether a list ended before the next one."""
        width = self._entries.shape[1]
        flat, taken, cursors = self._entries.reshape(-1), self._taken, self._cursors
        base = np.arange(len(cursors)) * width
        window = np.arange(_WINDOW)
        depth = self.lists.depth
        history: list[np.ndarray] = []
        for _ in range(n_rounds):
            stale = np.flatnonzero(taken[flat[base + cursors]])
            while len(stale):
                ahead = taken[flat[(base[stale] + cursors[stale])[:, None] + window]]
                step = np.where(ahead.all(axis=1), _WINDOW, ahead.argmin(axis=1))
                cursors[stale] += step
                stale = stale[step == _WINDOW]
            if (cursors >= depth).any():
                return self._stack(history), True
            taken[flat[base + cursors]] = True
            history.append(cursors.copy())
        return self._stack(history), False

    def _stack(self, history: list[np.ndarray]) -> np.ndarray:
        return np.stack(history) if history else np.empty((0, len(self._cursors)), dtype=np.int64)

    def _describe(self, cursors: np.ndarray) -> list[Round]:
        n_rounds, n_centroids = cursors.shape
        column = np.arange(n_centroids)
        rounds = []
        for row in cursors:
            entries = self._entries[column, row]
            scores = self.lists.scores[column, row]
            # Most similar first; the first mention of an image is then its best centroid.
            order = np.lexsort((column, self._ranks[entries], -scores))
            _, first = np.unique(entries[order], return_index=True)
            chosen = order[np.sort(first)]
            rounds.append(
                Round(
                    positions=self._unique[entries[chosen]],
                    centroids=column[chosen].astype(np.int32),
                    scores=scores[chosen],
                    value=math.fsum(scores.tolist()) / n_centroids,
                )
            )
        return rounds


def no_deepening(reason: str) -> Callable[[np.ndarray, CandidateLists], CandidateLists]:
    """Return a function for `Peeler` that refuses to make deeper lists, with `reason`."""

    def refuse(taken: np.ndarray, lists: CandidateLists) -> CandidateLists:
        raise InputError(
            f"A pointer reached the end of its list of {lists.depth:,} candidates after {len(taken):,} picks, and {reason}"
        )

    return refuse
