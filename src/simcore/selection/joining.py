"""Lists of the parts of an open-set joined to the lists of the whole."""

import numpy as np

from simcore.selection.candidates import Candidates, PairBuffer


class Joiner:
    """Joins what `Sweep.collect` found in the parts of an open-set, in any order, as if one pass had read it all.

    A list of a part is the beginning of the part's own order: its `depths[q]` best images, or all of them at or above
    the floor. So the best `depths[q]` of all lists are those of the whole. Memory is that of 1.25 times the wanted
    pairs and of one part, however many parts there are.

    Args:
        depths: (k,) entries that each list should have, as every part was asked for.
        floors: (k,) similarity at which each list may end before, as every part was asked for.
        ranks: rank of each position of the whole where positions do not break ties themselves.

    Example:
        >>> joiner = Joiner(np.array([2]), np.array([-np.inf]), ranks=None)
        >>> for start, scores in ((0, [0.9, 0.5]), (2, [0.7])):
        ...     n = len(scores)
        ...     lists = Candidates(np.array([0]), np.array([n]), np.arange(n), np.array(scores), n, n)
        ...     joiner.add(lists, start=start)
        >>> lists = joiner.lists()
        >>> lists.positions[: lists.lengths[0]].tolist()
        [0, 2]
    """

    def __init__(self, depths: np.ndarray, floors: np.ndarray, *, ranks: np.ndarray | None) -> None:
        self._buffer = PairBuffer(depths, floors.copy(), ranks=ranks)
        self._n_rows = self._n_allowed = 0
        self._counts: type[np.signedinteger] = np.int32

    def add(self, part: Candidates, *, start: int) -> None:
        """Add the lists of the part whose first row stands at `start`."""
        kept = np.minimum(part.lengths, self._buffer.depths)
        places = np.repeat(part.starts - np.cumsum(kept) + kept, kept) + np.arange(kept.sum())
        # Half the memory wherever 31 bits can count the images; the buffer takes the type of what comes last.
        if start + part.n_rows > np.iinfo(np.int32).max:
            self._counts = np.int64
        positions = (part.positions[places].astype(np.int64) + start).astype(self._counts)
        self._buffer.add(kept, positions, part.scores[places])
        self._n_rows += part.n_rows
        self._n_allowed += part.n_allowed

    def lists(self) -> Candidates:
        """Return the joined lists; nothing can be added afterwards."""
        starts, lengths, positions, scores = self._buffer.lists()
        # A list that was never cut holds more, of which some parts have shown less than others.
        kept = np.minimum(lengths, self._buffer.depths)
        return Candidates(starts, kept, positions, scores, self._n_rows, self._n_allowed)
