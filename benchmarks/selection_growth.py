"""Growth of time and memory with the open-set: `python -m benchmarks.selection_growth`.

A synthetic stream of 10^5 to 10^7 images × 64, 100 centroids, 10,000 picks. No block is ever kept. Takes about two
minutes.
"""

import argparse
import statistics
from collections.abc import Iterator

import numpy as np
import torch

from benchmarks._machine import PeakMemory, seconds, spread, write
from simcore.selection import select_coreset

SIZES = (100_000, 316_228, 1_000_000, 3_162_278, 10_000_000)
DIM, CENTROIDS, BUDGET, BLOCK = 64, 100, 10_000, 50_000


class Stream:
    """Blocks that are made when they are asked for: two fixed blocks, shifted against each other and added."""

    def __init__(self, n_rows: int) -> None:
        rng = np.random.default_rng(0)
        self._n_rows = n_rows
        self._first, self._second = rng.standard_normal((2, BLOCK, DIM), dtype=np.float32)

    def __iter__(self) -> Iterator[np.ndarray]:
        for number, start in enumerate(range(0, self._n_rows, BLOCK)):
            shifted = np.roll(self._second, 97 * number, axis=0)
            shifted += self._first
            yield shifted[: min(BLOCK, self._n_rows - start)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    centroids = np.random.default_rng(1).standard_normal((CENTROIDS, DIM), dtype=np.float32)
    rows = []
    select_coreset(centroids, Stream(SIZES[0]), budget=BUDGET)
    for size in SIZES:

        def ours(size=size) -> None:
            select_coreset(centroids, Stream(size), budget=BUDGET)

        def making(size=size) -> None:
            for block in Stream(size):
                block[0, 0] += 1

        times = seconds(ours, repeats=arguments.repeats, warm_up=0)
        stream = seconds(making, repeats=arguments.repeats, warm_up=0)
        with PeakMemory() as peak:
            ours()
        rows.append(
            {
                "n": size,
                "ours": spread(times),
                "making_the_stream": spread(stream),
                "gib_above_start": round(peak.gib, 3),
            }
        )
    net = [row["ours"]["median_s"] - row["making_the_stream"]["median_s"] for row in rows]
    exponent = statistics.linear_regression(np.log(SIZES).tolist(), np.log(net).tolist()).slope
    write(
        "selection_growth",
        rows,
        dim=DIM,
        centroids=CENTROIDS,
        budget=BUDGET,
        exponent_without_the_stream=round(exponent, 3),
        threads=torch.get_num_threads(),
    )
    print(f"exponent {exponent:.3f}")


if __name__ == "__main__":
    main()
