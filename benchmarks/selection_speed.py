"""Selection against the published algorithm in one process: `python -m benchmarks.selection_speed`.

1,281,167 images, 100 centroids, 10 % of the images picked; the similarity product counts on both sides. Two pools:
isotropic (centroids share few neighbours) and correlated (features as after a ReLU, all centroids near one
direction, so that all want the same images and lists must be a hundred times deeper). The opponent is
`tests/selection/published.py`. Takes about three minutes and 7 GB.
"""

import argparse
import statistics

import numpy as np
import torch

from benchmarks._machine import PeakMemory, seconds, spread, write
from simcore.selection import Selection, select_coreset
from tests.selection.published import published_coreset

N, DIM, CENTROIDS, BUDGET = 1_281_167, 64, 100, 128_116


def pool(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return open-set and centroids, float32."""
    rng = np.random.default_rng(0)
    openset = rng.standard_normal((N, DIM), dtype=np.float32)
    centroids = rng.standard_normal((CENTROIDS, DIM), dtype=np.float32)
    if kind == "correlated":
        np.maximum(openset, 0, out=openset)
        base = np.maximum(rng.standard_normal((1, DIM), dtype=np.float32), 0)
        centroids = np.maximum(base + 0.1 * centroids, 0)
    return openset, centroids


def bare_product(openset: np.ndarray, centroids: np.ndarray) -> None:
    """One read of the open-set and one product with the centroids: no exact selection can be faster."""
    rows, left = torch.from_numpy(openset), torch.from_numpy(centroids)
    out = torch.empty(len(left), 8192)
    for part in rows.split(8192):
        torch.mm(left, part.T, out=out[:, : len(part)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="runs of ours")
    parser.add_argument("--opponent-repeats", type=int, default=2, help="runs of the published algorithm")
    arguments = parser.parse_args()
    rows = []
    for kind in ("isotropic", "correlated"):
        openset, centroids = pool(kind)
        results: list[Selection] = []

        def ours(openset=openset, centroids=centroids, results=results) -> None:
            results[:] = [select_coreset(centroids, openset, budget=BUDGET, truncate=None)]

        ours()
        with PeakMemory() as peak:
            ours()
        times = seconds(ours, repeats=arguments.repeats, warm_up=0)
        product = seconds(lambda o=openset, c=centroids: bare_product(o, c), repeats=arguments.repeats)
        kept: list[set[int]] = []

        def theirs(openset=openset, centroids=centroids, kept=kept) -> None:
            rounds, _ = published_coreset(centroids, openset, budget=BUDGET)
            kept[:] = [{image for picks in rounds for _, image in picks}]

        with PeakMemory() as opponent_peak:
            opponent = seconds(theirs, repeats=arguments.opponent_repeats, warm_up=0)
        certificate = results[0].certificate
        rows.append(
            {
                "pool": kind,
                "ours": spread(times),
                "published": spread(opponent),
                "bare_product": spread(product),
                "times_faster": round(statistics.median(opponent) / statistics.median(times), 1),
                "above_bare_product": round(statistics.median(times) / statistics.median(product), 1),
                "ours_gib_above_input": round(peak.gib, 2),
                "published_gib_above_input": round(opponent_peak.gib, 2),
                "picked": len(results[0]),
                # The opponent sums in float32: images whose similarities differ by less may change places at the end.
                "images_in_one_set_only": len(kept[0] ^ set(results[0].indices.tolist())),
                "list_depth": certificate.list_depth,
                "deepest_pointer": certificate.deepest_pointer,
                "passes": certificate.passes,
            }
        )
    write("selection_speed", rows, n=N, dim=DIM, centroids=CENTROIDS, budget=BUDGET, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
