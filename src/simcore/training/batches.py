"""Which images each step trains on, as a function of the step."""

import numpy as np

from simcore.errors import InputError


class BatchStream:
    """A seeded stream of epoch permutations cut into batches; the tail of an epoch is dropped.

    Batch `step` depends on `(n, batch_size, seed, step)` alone, so that a resumed run needs no loader state,
    and no batch holds an image twice. The permutation sorts raw Philox numbers, whose stream NumPy
    guarantees; its `permutation` may change between versions.

    Args:
        n: Number of images.
        batch_size: Images a batch, at most `n`.
        seed: Seed of all permutations.

    Raises:
        InputError: If `batch_size` is not between 1 and `n`.

    Example:
        >>> stream = BatchStream(5, batch_size=2, seed=0)
        >>> stream.steps_per_epoch
        2
        >>> len(set(stream.batch(1)) | set(stream.batch(2)))
        4
    """

    def __init__(self, n: int, *, batch_size: int, seed: int) -> None:
        if not 1 <= batch_size <= n:
            raise InputError(f"`batch_size` is {batch_size}; with {n} images it must be between 1 and {n}.")
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.steps_per_epoch = n // batch_size
        self._epoch = -1
        self._order = np.empty(0, dtype=np.int64)

    def batch(self, step: int) -> np.ndarray:
        """Return the positions of the images of `step` (1-based): `(batch_size,)`, int64, all different."""
        epoch, place = divmod(step - 1, self.steps_per_epoch)
        if epoch != self._epoch:
            self._order = epoch_order(self.n, seed=self.seed, epoch=epoch)
            self._epoch = epoch
        return self._order[place * self.batch_size : (place + 1) * self.batch_size]


def epoch_order(n: int, *, seed: int, epoch: int) -> np.ndarray:
    """Return the order of `n` images in `epoch` (0-based): a permutation of 0 to n - 1, int64.

    Example:
        >>> sorted(epoch_order(4, seed=0, epoch=0).tolist())
        [0, 1, 2, 3]
    """
    numbers = np.random.Philox(np.random.SeedSequence([seed, epoch])).random_raw(n)
    return np.argsort(numbers, kind="stable")
