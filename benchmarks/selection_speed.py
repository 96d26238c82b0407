"""Selection against the published algorithm in one process: `python -m benchmarks.selection_speed`.

1,281,167 images, 100 centroids, 10 % of the images picked; the similarity product counts on both sides. Two pools:
isotropic (centroids share few neighbours) and correlated (features as after a ReLU, all centroids near one
direction, so that all want the same images and lists must be a hundred times deeper). The opponent is
`tests/selection/published.py`, as published on tensors and, harder to beat, with NumPy's vectorised sort. Also writes
`selection_profile`: where our time goes, and what no exact selection can go below. Takes about four minutes and 7 GB.
"""

import argparse
import contextlib
import functools
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
import torch

from benchmarks._machine import PeakMemory, seconds, spread, write
from simcore.selection import Selection, coreset, select_coreset
from simcore.selection.blocks import BlockWorker
from simcore.selection.bounding import Products
from simcore.selection.candidates import PairBuffer
from simcore.selection.forecast import Forecast
from simcore.selection.passes import Sweep
from simcore.selection.scanning import Scanner
from simcore.selection.similarity import grid_rows, paired_similarities
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


# What the calling thread spends its time on, one after another: wall time.
_PHASES: dict[str, list[tuple[Any, str]]] = {
    "forecast": [(Scanner, "_try_sample"), (Forecast, "depths_and_floors")],
    "read_multiply_and_score": [(Sweep, "run")],
    "sort_lists": [(PairBuffer, "lists")],
    "rounds_and_trace": [(coreset, "apply_rules")],
}
# What its threads do during the second of these: processor time, summed over threads.
_WORK: dict[str, tuple[Any, str]] = {
    "processor_read_and_multiply": (Products, "reaching"),
    "processor_exact_scores": (BlockWorker, "_scored"),
}


@contextlib.contextmanager
def profiled() -> Iterator[dict[str, float]]:
    """Yield a dictionary that `select_coreset` fills with seconds by phase; a phase inside another counts once."""
    spent: dict[str, float] = defaultdict(float)
    inner = [0.0]
    lock = threading.Lock()

    def timed(function: Callable[..., Any], phase: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            inner.append(0.0)
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                took = time.perf_counter() - start
                spent[phase] += took - inner.pop()
                inner[-1] += took

        return wrapper

    def worked(function: Callable[..., Any], phase: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            start = time.thread_time()
            result = function(*args, **kwargs)
            with lock:
                spent[phase] += time.thread_time() - start
            return result

        return wrapper

    with contextlib.ExitStack() as stack:
        for phase, places in _PHASES.items():
            for owner, name in places:
                stack.enter_context(mock.patch.object(owner, name, timed(getattr(owner, name), phase)))
        for phase, (owner, name) in _WORK.items():
            stack.enter_context(mock.patch.object(owner, name, worked(getattr(owner, name), phase)))
        yield spent


def profile(run: Callable[[], Any], *, repeats: int) -> dict[str, float]:
    """Return the seconds by phase of the run of median length."""
    runs = []
    for _ in range(repeats):
        with profiled() as spent:
            start = time.perf_counter()
            run()
            total = time.perf_counter() - start
        runs.append((total, spent))
    total, spent = sorted(runs, key=lambda pair: pair[0])[len(runs) // 2]
    row = {f"{phase}_s": round(spent[phase], 4) for phase in _PHASES}
    row["rest_s"] = round(total - sum(spent[phase] for phase in _PHASES), 4)
    row["total_s"] = round(total, 4)
    return row | {f"{phase}_s": round(spent[phase], 4) for phase in _WORK}


def differences(
    selection: Selection,
    rounds: list[tuple[float, list[tuple[int, int]]]],
    openset: np.ndarray,
    centroids: np.ndarray,
) -> dict[str, Any]:
    """Return how many images only one side picked, and why: by how little what a centroid took differs.

    Where a round has an image of ours that the opponent's has not, its centroid took another image there: the gap is
    between the deciding similarities of the two. The first such gap starts the others.
    """
    gaps: list[float] = []
    similarity = 0.0
    assert selection.rounds is not None
    assert selection.centroids is not None
    bounds = np.searchsorted(selection.rounds, np.arange(1, len(rounds) + 2))
    for number, (_, picks) in enumerate(rounds):
        theirs, taken = dict(picks), {image for _, image in picks}
        for place in range(bounds[number], bounds[number + 1]):
            image, centroid = int(selection.indices[place]), int(selection.centroids[place])
            if image in taken:
                continue
            left = grid_rows(torch.from_numpy(centroids[[centroid, centroid]]))
            pair = paired_similarities(left, grid_rows(torch.from_numpy(openset[[image, theirs[centroid]]])))
            similarity = similarity or float(pair[0])
            gaps.append(float((pair[0] - pair[1]).abs()))
    other = {image for _, picks in rounds for _, image in picks}
    return {
        "images_in_one_set_only": len(other ^ set(selection.indices.tolist())),
        "first_gap": f"{gaps[0]:.1e}" if gaps else "none",
        "largest_gap": f"{max(gaps):.1e}" if gaps else "none",
        "float32_step_there": f"{np.spacing(np.float32(similarity)):.1e}" if gaps else "none",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="runs of ours")
    parser.add_argument("--opponent-repeats", type=int, default=2, help="runs of the published algorithm")
    arguments = parser.parse_args()
    rows, profiles = [], []
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
        profiles.append(
            {"pool": kind, **profile(ours, repeats=arguments.repeats), "bound_one_read_one_product": spread(product)}
        )
        kept: list[Any] = []

        def theirs(tuned: bool, openset=openset, centroids=centroids, kept=kept) -> None:
            kept[:] = published_coreset(centroids, openset, budget=BUDGET, tuned=tuned)

        with PeakMemory() as opponent_peak:
            opponent = seconds(lambda: theirs(False), repeats=arguments.opponent_repeats, warm_up=0)
        tuned = seconds(lambda: theirs(True), repeats=arguments.opponent_repeats, warm_up=0)
        certificate = results[0].certificate
        rows.append(
            {
                "pool": kind,
                "ours": spread(times),
                "published": spread(opponent),
                "published_with_numpy_sort": spread(tuned),
                "bare_product": spread(product),
                "times_faster": round(statistics.median(opponent) / statistics.median(times), 1),
                "times_faster_than_numpy_sort": round(statistics.median(tuned) / statistics.median(times), 1),
                "above_bare_product": round(statistics.median(times) / statistics.median(product), 1),
                "bound_times_faster": round(statistics.median(opponent) / statistics.median(product), 0),
                "ours_gib_above_input": round(peak.gib, 2),
                "published_gib_above_input": round(opponent_peak.gib, 2),
                "picked": len(results[0]),
                **differences(results[0], kept, openset, centroids),
                "list_depth": certificate.list_depth,
                "deepest_pointer": certificate.deepest_pointer,
                "passes": certificate.passes,
            }
        )
    settings = {"n": N, "dim": DIM, "centroids": CENTROIDS, "budget": BUDGET, "threads": torch.get_num_threads()}
    write("selection_profile", profiles, **settings)
    write("selection_speed", rows, **settings)


if __name__ == "__main__":
    main()
