"""Centroids against scikit-learn: `python -m benchmarks.selection_kmeans`.

13,296 × 2048 (as many images as the largest target of the paper), 100 clusters. Inertia is that of renormalised
centroids on unit rows on both sides; scikit-learn takes the best of ten starts. Takes about eight minutes.
"""

import argparse
import statistics

import numpy as np
import torch
from sklearn.cluster import KMeans

from benchmarks._machine import seconds, spread, write
from simcore.selection import fit_clustering

N, DIM, CLUSTERS = 13_296, 2048, 100


def features() -> np.ndarray:
    """Return features as after a ReLU: eleven classes, each a mixture of directions, with noise."""
    rng = np.random.default_rng(0)
    classes = rng.standard_normal((11, DIM))
    parts = classes[rng.integers(0, 11, 220)] + 0.7 * rng.standard_normal((220, DIM))
    rows = parts[rng.integers(0, 220, N)] + 1.2 * rng.standard_normal((N, DIM))
    return np.maximum(rows, 0).astype(np.float32)


def inertia(unit: np.ndarray, centroids: np.ndarray) -> float:
    """Return the sum of squared distances of unit rows to the nearest of the renormalised centroids."""
    centroids = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)
    return float((2 - 2 * (unit @ centroids.T).max(axis=1)).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="runs of ours")
    parser.add_argument("--reference-repeats", type=int, default=2, help="runs of scikit-learn")
    arguments = parser.parse_args()
    rows = features()
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found: dict[str, np.ndarray] = {}

    def ours() -> None:
        found["ours"] = fit_clustering(rows, n_clusters=CLUSTERS).centroids

    def reference() -> None:
        found["scikit-learn"] = KMeans(CLUSTERS, n_init=10, random_state=0).fit(unit).cluster_centers_

    times = seconds(ours, repeats=arguments.repeats)
    opponent = seconds(reference, repeats=arguments.reference_repeats, warm_up=0)
    result = {
        "ours": spread(times),
        "scikit_learn_n_init_10": spread(opponent),
        "times_faster": round(statistics.median(opponent) / statistics.median(times), 1),
        "inertia_ours": round(inertia(unit, found["ours"]), 2),
        "inertia_scikit_learn": round(inertia(unit, found["scikit-learn"]), 2),
    }
    result["inertia_ratio"] = round(result["inertia_ours"] / result["inertia_scikit_learn"], 4)
    write("selection_kmeans", [result], n=N, dim=DIM, clusters=CLUSTERS, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
