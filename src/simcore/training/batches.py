"""Which images each step trains on, as a function of the step."""

from dataclasses import dataclass

import numpy as np

from simcore.errors import InputError

SMALLEST_PART = 2
"""Images that a part of a batch needs, for batch norm and for a contrast."""


class BatchStream:
    """A seeded stream of epoch permutations cut into batches.

    Batch `step` depends on `(n, batch_size, seed, step)` alone, so that a resumed run needs no loader state,
    and no batch holds an image twice. The permutation sorts raw Philox numbers, whose stream NumPy
    guarantees; its `permutation` may change between versions.

    The images left over at the end of an epoch are dropped, or, without `drop_last`, make a smaller batch. That
    one too is cut into equal `parts`: images beyond a multiple of `parts` are dropped, and so is a batch with
    less than two images a part.

    Args:
        n: Number of images.
        batch_size: Images a batch, at most `n`, a multiple of `parts`.
        seed: Seed of all permutations.
        drop_last: Whether an epoch ends with its last whole batch.
        parts: Equal parts that every batch can be cut into.

    Raises:
        InputError: If `batch_size` is not between 1 and `n`, or no multiple of `parts`.

    Example:
        >>> stream = BatchStream(5, batch_size=2, seed=0)
        >>> stream.steps_per_epoch
        2
        >>> len(set(stream.batch(1)) | set(stream.batch(2)))
        4
        >>> [len(BatchStream(8, batch_size=5, seed=0, drop_last=False).batch(step)) for step in (1, 2, 3)]
        [5, 3, 5]
    """

    def __init__(self, n: int, *, batch_size: int, seed: int, drop_last: bool = True, parts: int = 1) -> None:
        if not 1 <= batch_size <= n:
            raise InputError(f"`batch_size` is {batch_size}; with {n} images it must be between 1 and {n}.")
        if batch_size % parts:
            raise InputError(f"`batch_size` is {batch_size}; it must be a multiple of its {parts} parts.")
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.tail = 0 if drop_last else tail_size(n, batch_size=batch_size, parts=parts)
        self.steps_per_epoch = n // batch_size + bool(self.tail)
        self._epoch = -1
        self._order = np.empty(0, dtype=np.int64)

    @property
    def images_per_epoch(self) -> int:
        """Images that an epoch shows: all but those of a dropped rest."""
        return self.n // self.batch_size * self.batch_size + self.tail

    def size(self, step: int) -> int:
        """Return the number of images of `step`."""
        last = step % self.steps_per_epoch == 0
        return self.tail if last and self.tail else self.batch_size

    def batch(self, step: int) -> np.ndarray:
        """Return the positions of the images of `step` (1-based): int64, all different."""
        epoch, place = divmod(step - 1, self.steps_per_epoch)
        if epoch != self._epoch:
            self._order = epoch_order(self.n, seed=self.seed, epoch=epoch)
            self._epoch = epoch
        first = place * self.batch_size
        return self._order[first : first + self.size(step)]


@dataclass(frozen=True)
class Share:
    """What one process of several takes of each batch, and in how many passes.

    A batch is cut into `processes * passes` equal parts; process 0 takes the first `passes` of them, and so on.

    Attributes:
        rank: Number of the process, from 0.
        processes: How many share a batch.
        passes: Parts that a process takes one after the other, adding up their gradients.

    Example:
        >>> share = Share(rank=1, processes=2, passes=2)
        >>> [share.part(np.arange(8), number).tolist() for number in range(2)]
        [[4, 5], [6, 7]]
    """

    rank: int = 0
    processes: int = 1
    passes: int = 1

    def part(self, batch: np.ndarray, number: int) -> np.ndarray:
        """Return part `number` (from 0) of this process."""
        size = len(batch) // (self.processes * self.passes)
        first = (self.rank * self.passes + number) * size
        return batch[first : first + size]

    def whole(self, batch: np.ndarray) -> np.ndarray:
        """Return all parts of this process, one after the other."""
        size = len(batch) // self.processes
        return batch[self.rank * size : (self.rank + 1) * size]


def tail_size(n: int, *, batch_size: int, parts: int = 1) -> int:
    """Return the images of the smaller batch at the end of an epoch, 0 when there is none.

    Example:
        >>> tail_size(11, batch_size=4), tail_size(9, batch_size=4), tail_size(15, batch_size=8, parts=2)
        (3, 0, 6)
    """
    rest = n % batch_size
    whole = rest - rest % parts
    return whole if whole >= SMALLEST_PART * parts else 0


def epoch_order(n: int, *, seed: int, epoch: int) -> np.ndarray:
    """Return the order of `n` images in `epoch` (0-based): a permutation of 0 to n - 1, int64.

    Example:
        >>> sorted(epoch_order(4, seed=0, epoch=0).tolist())
        [0, 1, 2, 3]
    """
    numbers = np.random.Philox(np.random.SeedSequence([seed, epoch])).random_raw(n)
    return np.argsort(numbers, kind="stable")
