"""Scan of a stored embeddings directory against bare products: `python -m benchmarks.selection_scan`.

1,281,167 × 512 float16 on disk (1.3 GB, in the page cache after the first run), 100 centroids: the scan for lists of
256, twice what picking 1 % needs, and the whole selection of 1 %, with forecast, rounds and trace. The bare
products multiply one float32 block that is in memory already, as often as the directory has such blocks: no read, no
conversion, no normalisation, no result. Takes about a minute.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks._machine import PeakMemory, paired_ratio, seconds, spread, write
from simcore.embeddings import EmbeddingWriter, open_embeddings
from simcore.selection import scan, select_coreset

N, DIM, CENTROIDS, BUDGET, DEPTH, BLOCK = 1_281_167, 512, 100, 12_811, 256, 16_384


def fill(directory: Path) -> None:
    """Write random embeddings."""
    rng = np.random.default_rng(0)
    with EmbeddingWriter(directory, dim=DIM, metadata={"encoder": "synthetic"}) as writer:
        for start in range(0, N, 65_536):
            count = min(65_536, N - start)
            keys = [f"images/{number:08d}.jpg" for number in range(start, start + count)]
            writer.write(keys, rng.standard_normal((count, DIM), dtype=np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    centroids = rng.standard_normal((CENTROIDS, DIM), dtype=np.float32)
    left, block = torch.from_numpy(centroids), torch.randn(BLOCK, DIM)
    out = torch.empty(CENTROIDS, BLOCK)

    def products() -> None:
        for start in range(0, N, BLOCK):
            count = min(BLOCK, N - start)
            torch.mm(left, block[:count].T, out=out[:, :count])

    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "embeddings"
        fill(directory)

        def lists() -> None:
            scan(centroids, directory, depth=DEPTH)

        def selection() -> None:
            select_coreset(centroids, directory, budget=BUDGET)

        def read() -> None:
            for _, values in open_embeddings(directory).arrow_blocks(rows=BLOCK, with_keys=False):
                torch.from_numpy(values.view(np.int16)).amax()

        works = {"scan": lists, "whole selection": selection}
        every = {"bare": products, **works, "read": read}
        times: dict[str, list[float]] = {name: [] for name in every}
        processor: dict[str, list[float]] = {name: [] for name in every}
        for work in every.values():
            work()
        # In turns, so that a change of the machine's load meets all alike.
        for _ in range(arguments.repeats):
            for name, work in every.items():
                began = time.process_time()
                times[name] += seconds(work, repeats=1, warm_up=0)
                processor[name].append(time.process_time() - began)
        rows = []
        for name, work in works.items():
            with PeakMemory() as peak:
                work()
            rows.append(
                {
                    "what": name,
                    "ours": spread(times[name]),
                    "bare_float32_products": spread(times["bare"]),
                    "one_look_at_every_byte": spread(times["read"]),
                    "ratio": round(paired_ratio(times[name], times["bare"]), 2),
                    "ratio_of_processor_time": round(paired_ratio(processor[name], processor["bare"]), 2),
                    # The mapped file itself counts as resident while its pages are in use.
                    "gib_resident_with_mapped_file": round(peak.gib, 2),
                    "file_gib": round(N * DIM * 2 / 2**30, 2),
                }
            )
    write(
        "selection_scan",
        rows,
        n=N,
        dim=DIM,
        centroids=CENTROIDS,
        budget=BUDGET,
        depth=DEPTH,
        threads=torch.get_num_threads(),
    )


if __name__ == "__main__":
    main()
