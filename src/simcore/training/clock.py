"""Speed of a run and the share of its time spent waiting for data."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Counts images and waiting time; its text goes into the progress bar.

    Example:
        >>> clock = Clock()
        >>> with clock.waiting():
        ...     clock.images += 8
        >>> 0 <= clock.wait_share <= 1
        True
    """

    def __init__(self) -> None:
        self.images = 0
        self._began = time.perf_counter()
        self._waited = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time of the block as waiting for data."""
        asked = time.perf_counter()
        yield
        self._waited += time.perf_counter() - asked

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Leave out the time of the block: it does not train."""
        asked = time.perf_counter()
        yield
        self._began += time.perf_counter() - asked

    @property
    def images_per_second(self) -> float:
        """Images trained on per second so far; NaN before the first."""
        elapsed = time.perf_counter() - self._began
        return self.images / elapsed if self.images else float("nan")

    @property
    def wait_share(self) -> float:
        """Share of the time so far spent waiting; NaN before the first image."""
        return self._waited / (time.perf_counter() - self._began) if self.images else float("nan")

    def __str__(self) -> str:
        return f"{self.images_per_second:.0f} images/s, waiting {self.wait_share:.0%}"
