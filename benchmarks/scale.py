"""What grows with the number of images, measured to 10^7 and computed beyond: `python -m benchmarks scale`.

`--cases sizes`: listing, embeddings on disk, k-means and the tables that a stage holds, at 10^5 to 10^7 rows, each in a
process of its own; what other measurements have stored (the long manifest, scan and picks) is taken from there.
`--cases planned`: 10^8 and 10^9 from these constants, without measuring.
`--cases long_runs`: memory, file handles and processes over 200 epochs of training and over a scan of 10^7 rows.
Takes about ten minutes; the rest of docs/scale.md is words.
"""

import argparse
import ctypes
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks._machine import RESULTS, PeakMemory, write
from benchmarks.ingestion_speed import make_long_list, take_as_opened
from simcore.backbones import create_backbone
from simcore.embeddings import EmbeddingWriter
from simcore.images import Settings, ViewSettings, ingest_files, verify
from simcore.images.views import TwoViews
from simcore.methods import SimCLR
from simcore.selection import fit_clustering, select_coreset
from simcore.training import TrainingSettings, pretrain

SIZES = (100_000, 1_000_000, 10_000_000)
DIM, CENTROIDS, BUDGET, BLOCK = 64, 100, 10_000, 65_536
K_MEANS = {"n_clusters": CENTROIDS, "n_redo": 1, "n_iterations": 10}
SCAN_DIM = 16
LISTING, SELECTION, K_MEANS_STEP = (
    "list and write the manifest",
    "scan and pick",
    "k-means, one start of ten iterations",
)


class Rows:
    """Unit-like rows in float32, made block by block and never kept: two fixed blocks, shifted and added."""

    def __init__(self, n_rows: int, dim: int) -> None:
        self.n_rows = n_rows
        self._first, self._second = np.random.default_rng(0).standard_normal((2, BLOCK, dim), dtype=np.float32)

    def __iter__(self) -> Iterator[np.ndarray]:
        for number, start in enumerate(range(0, self.n_rows, BLOCK)):
            yield (self._first + np.roll(self._second, 97 * number, axis=0))[: self.n_rows - start]


def keys_of(start: int, count: int) -> list[str]:
    """Return keys as long as those of a large photo collection."""
    return [f"train/{number % 10_000:05d}/{number:012d}.jpg" for number in range(start, start + count)]


def timed(work: Callable[[], Any]) -> dict[str, float]:
    """Return seconds, processor seconds and the rise of resident memory of one call."""
    with PeakMemory() as peak:
        start, processor = time.perf_counter(), time.process_time()
        work()
        taken = time.perf_counter() - start, time.process_time() - processor
    return {"seconds": round(taken[0], 3), "processor_s": round(taken[1], 3), "risen_gib": round(peak.gib, 3)}


def measure_listing(n: int, folder: Path) -> dict[str, Any]:
    """Return what it takes to list `n` images of a Parquet list and to write their manifest; none is opened."""
    listed = make_long_list(folder, rows=n)
    verify.measure_images = take_as_opened
    made: dict[str, Path] = {}

    def ingest() -> None:
        settings = Settings(role="openset", verify="header")
        made["manifest"] = ingest_files(listed, folder / "work", settings=settings, state="once").manifest

    taken = timed(ingest)
    return {**taken, "bytes_a_row": round(made["manifest"].stat().st_size / n, 1)}


def measure_embeddings(n: int, folder: Path) -> dict[str, Any]:
    """Return what it takes to write `n` embeddings that lie ready, without the making of them."""
    making = timed(lambda: [keys_of(0, len(block)) for block in Rows(n, DIM)])

    def fill() -> None:
        with EmbeddingWriter(folder / "embeddings", dim=DIM, metadata={"encoder": "synthetic"}) as writer:
            done = 0
            for block in Rows(n, DIM):
                writer.write(keys_of(done, len(block)), block)
                done += len(block)

    taken = timed(fill)
    for name in ("seconds", "processor_s"):
        taken[name] = round(max(0.0, taken[name] - making[name]), 3)
    size = sum(path.stat().st_size for path in (folder / "embeddings").glob("*.parquet"))
    return {**taken, "bytes_a_row": round(size / n, 1)}


def measure_k_means(n: int, folder: Path) -> dict[str, Any]:
    """Return what one start of ten iterations takes on `n` target images."""
    del folder
    rows = np.concatenate(list(Rows(n, DIM)))
    return timed(lambda: fit_clustering(rows, **K_MEANS))


def _all(text: str, n: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(np.zeros(n, dtype=np.int8), [text]).cast(pa.string())


def measure_table(n: int, folder: Path) -> dict[str, Any]:
    """Return what it takes to load a manifest of `n` images, as every stage does that reads one."""
    listed = pq.read_table(make_long_list(folder, rows=n)).sort_by("key")
    size = pa.array(np.full(n, 28, dtype=np.int32))
    for name, column in {"split": _all("train", n), "width": size, "height": size, "source": _all("pool", n)}.items():
        listed = listed.append_column(name, column)
    pq.write_table(listed, folder / "manifest.parquet")
    del listed, size, column
    gc.collect()
    pa.default_memory_pool().release_unused()
    kept: list[pd.DataFrame] = []
    taken = timed(lambda: kept.append(pd.read_parquet(folder / "manifest.parquet")))
    # As pandas counts it: what rises depends on what the process has freed before.
    held = int(kept[0].memory_usage(deep=True).sum())
    return {**taken, "risen_gib": round(held / 2**30, 3), "bytes_a_row": round(held / n, 1)}


STEPS: dict[str, Callable[[int, Path], dict[str, Any]]] = {
    LISTING: measure_listing,
    "load a manifest": measure_table,
    "write embeddings": measure_embeddings,
    K_MEANS_STEP: measure_k_means,
}


# The long manifest is measured by `benchmarks.ingestion_speed`.
LARGEST = {LISTING: 1_000_000}


def in_new_process(function: str, name: str, size: float) -> dict[str, Any]:
    """Return what a function of this file prints in a process of its own, whose memory starts from the imports."""
    script = f"import sys; from benchmarks.scale import {function}; {function}(sys.argv[1], int(sys.argv[2]))"
    command = [sys.executable, "-c", script, name, str(size)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def print_step(step: str, n: int) -> None:
    """Measure a step and print the result as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(STEPS[step](n, Path(folder))))


def long_manifest() -> dict[str, Any]:
    """Return the stored measurement of the same work on ten million rows."""
    stored = json.loads((RESULTS / "ingestion_speed.json").read_text())
    row = next(row for row in stored["rows"] if row["step"] == "the long manifest")
    return {
        "step": LISTING,
        "images": row["images"],
        "seconds": row["seconds"]["median_s"],
        "processor_s": row["processor_s"],
        "risen_gib": row["risen_gib"],
        "bytes_a_row": round(row["file_mib"] * 2**20 / row["images"], 1),
    }


def stored_selection() -> list[dict[str, Any]]:
    """Return the stored measurements of scans and picks: wall time of two threads, without making the rows."""
    stored = json.loads((RESULTS / "selection_growth.json").read_text())
    rows = []
    for row in stored["rows"]:
        if row["n"] in SIZES:
            net = row["ours"]["median_s"] - row["making_the_stream"]["median_s"]
            threads = stored["settings"]["threads"]
            taken = {"seconds": round(net, 3), "processor_s": round(threads * net, 3)}
            rows.append({"step": SELECTION, "images": row["n"], **taken, "risen_gib": row["gib_above_start"]})
    return rows


def growth(rows: list[dict[str, Any]]) -> float:
    """Return the exponent of growth of processor time with the number of images."""
    points = [(row["images"], row["processor_s"]) for row in rows if row["processor_s"] > 0]
    logs = np.log(np.array(points, dtype=float))
    return statistics.linear_regression(logs[:, 0].tolist(), logs[:, 1].tolist()).slope


def measure_sizes(sizes: tuple[int, ...], *, at_once: int) -> None:
    """Measure every step at every size and write the result; `at_once` steps beside each other stretch wall times."""
    wanted = [(step, n) for step in STEPS for n in sizes if n <= LARGEST.get(step, n)]
    with ThreadPoolExecutor(at_once) as pool:
        found = dict(zip(wanted, pool.map(lambda one: in_new_process("print_step", *one), wanted), strict=True))
    of_steps = {
        name: [{"step": step, "images": n, **found[step, n]} for step, n in wanted if step == name] for name in STEPS
    }
    of_steps[LISTING].append(long_manifest())
    of_steps[SELECTION] = stored_selection()
    rows = []
    for of_step in of_steps.values():
        rows += of_step[:-1]
        rows.append({**of_step[-1], "growth_of_processor_time": round(growth(of_step), 2)})
    settings = {"dim": DIM, "centroids": CENTROIDS, "threads": torch.get_num_threads()}
    write("scale_sizes", rows, **settings, steps_beside_each_other=at_once)


# What no measurement here can give, as assumptions to replace by one's own.
ASSUMED = {
    "image_kib": 110,  # mean of ImageNet's training images
    "dim": 2048,
    "key_bytes": 28,
    "gpu_images_per_s": 2000,  # no GPU was at hand: the GPU-hours are in inverse proportion to it
    "disk_gb_per_s": 1.0,
    "network_gb_per_s": 1.25,  # 10 Gbit/s
}


def plan(sizes: tuple[int, ...], assumed: Mapping[str, float], constants: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return what each resource has to give for so many images, one row a resource; times are of one unit of it.

    Args:
        sizes: Numbers of images.
        assumed: See `ASSUMED`.
        constants: Measured, see `read_constants`.
    """
    image_bytes = assumed["image_kib"] * 2**10
    row_bytes = 2 * assumed["dim"] + assumed["key_bytes"] + 4
    scan = constants["scan_core_s"] * assumed["dim"] / DIM
    formulas: list[tuple[str, str, Callable[[int], float]]] = [
        ("images read, TB", "n x image", lambda n: n * image_bytes / 1e12),
        (
            "reading them, hours of one disk",
            "/ disk",
            lambda n: n * image_bytes / 1e9 / assumed["disk_gb_per_s"] / 3600,
        ),
        (
            "fetching them, hours of one link",
            "/ network",
            lambda n: n * image_bytes / 1e9 / assumed["network_gb_per_s"] / 3600,
        ),
        ("listing and sorting, core-hours", "n x s a row", lambda n: n * constants["list_core_s"] / 3600),
        ("headers for sizes, core-hours", "n x s an image", lambda n: n * constants["header_core_s"] / 3600),
        ("decoding for the encoder, core-hours", "n x s an image", lambda n: n * constants["decode_core_s"] / 3600),
        ("encoding, GPU-hours", "n / throughput", lambda n: n / assumed["gpu_images_per_s"] / 3600),
        (
            "cores that keep one GPU busy",
            "throughput x s an image",
            lambda n: assumed["gpu_images_per_s"] * constants["decode_core_s"],
        ),
        ("embeddings, TB", "n x (2 d + key + 4)", lambda n: n * row_bytes / 1e12),
        (
            "scan: reading them, hours of one disk",
            "/ disk",
            lambda n: n * row_bytes / 1e9 / assumed["disk_gb_per_s"] / 3600,
        ),
        ("scan: products, core-hours", "n x s a row x d / 64", lambda n: n * scan / 3600),
        ("manifest on disk, GB", "n x bytes a row", lambda n: n * constants["manifest_bytes"] / 1e9),
        ("manifest in a stage's memory, GB", "n x bytes a row", lambda n: n * constants["table_bytes"] / 1e9),
    ]
    return [
        {"resource": name, "formula": formula, **{f"n = 10^{round(np.log10(n))}": float(f"{of(n):.3g}") for n in sizes}}
        for name, formula, of in formulas
    ]


def read_constants() -> dict[str, float]:
    """Return seconds of one core and bytes for one image, from the stored results of the largest size measured."""
    of: dict[str, dict[str, Any]] = {}
    for row in json.loads((RESULTS / "scale_sizes.json").read_text())["rows"]:
        if row["step"] not in of or row["images"] > of[row["step"]]["images"]:
            of[row["step"]] = row
    ingestion = json.loads((RESULTS / "ingestion_speed.json").read_text())
    header = next(row for row in ingestion["rows"] if row["step"] == "ingest a folder, verify: header")
    extraction = json.loads((RESULTS / "extraction_speed.json").read_text())
    decoder = next(row for row in extraction["rows"] if row["image_size"] == 224)
    return {
        "list_core_s": of[LISTING]["processor_s"] / of[LISTING]["images"],
        "header_core_s": ingestion["machine"]["cores"] / header["images_per_s"],
        "decode_core_s": extraction["machine"]["cores"] / decoder["decoder_images_per_s"],
        "scan_core_s": of[SELECTION]["processor_s"] / of[SELECTION]["images"],
        "manifest_bytes": of[LISTING]["bytes_a_row"],
        "table_bytes": of["load a manifest"]["bytes_a_row"],
    }


def write_plan() -> None:
    """Compute the larger sizes and write the result."""
    constants = read_constants()
    shown = {name: float(f"{value:.3g}") for name, value in constants.items()}
    write("scale_planned", plan((10**7, 10**8, 10**9), ASSUMED, constants), **ASSUMED, **shown)


def resident_mib() -> float:
    """Return the resident memory of this process, after a collection and without what is only kept for re-use."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc; otherwise freed memory hides what is kept
        trim(0)
    return PeakMemory._read("VmRSS") / 2**10


def handles() -> int:
    """Return the number of open file handles of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def processes() -> set[str]:
    """Return the processes that this one has started and that run."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


class Watch:
    """A reporter that notes memory at every report; curves of a training or rounds of a scan.

    Args:
        leak: Bytes to keep at every look, to prove that the bounds find them.
    """

    def __init__(self, *, leak: int = 0) -> None:
        self.steps: list[int] = []
        self.mib: list[float] = []
        self._leak, self._kept = leak, []

    def log(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Note the memory of this moment."""
        del metrics
        if self._leak:
            self._kept.append(np.ones(self._leak, dtype=np.uint8))
        self.steps.append(step)
        self.mib.append(resident_mib())

    def slope(self, *, skip: float = 0.25) -> float:
        """Return MiB a step over the looks after the first share of them, in which caches fill."""
        first = int(skip * len(self.steps))
        return statistics.linear_regression(self.steps[first:], self.mib[first:]).slope


class Pictures:
    """Random pictures in memory."""

    def __init__(self, n: int, *, side: int = 16) -> None:
        self.keys = np.array([f"{number:05d}" for number in range(n)], dtype=object)
        self._pixels = np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.keys)

    def compact(self, position: int) -> np.ndarray:
        """Return the pixels at a position."""
        return self._pixels[position]


def watch_training(
    *, epochs: int, workers: int, workdir: Path, images: int = 64, every: int = 1, leak: int = 0
) -> Watch:
    """Return the memory over a training with many checkpoints and a look every `every` epochs."""
    watch = Watch(leak=leak)
    batch = 32
    settings = TrainingSettings(
        epochs=epochs,
        batch_size=batch,
        workers=workers,
        device="cpu",
        threads=1,
        log_every=every * images // batch,
        checkpoint_every_seconds=0.5,
    )
    method = SimCLR(create_backbone("resnet10_small", image_size=16), seed=0)
    views = TwoViews(ViewSettings(image_size=16), seed=0)
    pretrain(method, Pictures(images), views=views, settings=settings, seed=0, workdir=workdir, reporter=watch)
    return watch


def watch_scan(*, rows: int, every: int = 1, leak: int = 0) -> Watch:
    """Return the memory over the selection from rows that are made block by block, a look every `every` blocks."""
    watch = Watch(leak=leak)

    class Looked(Rows):
        def __iter__(self) -> Iterator[np.ndarray]:
            for number, block in enumerate(super().__iter__()):
                if number % every == 0:
                    watch.log({}, step=len(watch.steps))
                yield block

    centroids = np.random.default_rng(1).standard_normal((CENTROIDS, SCAN_DIM), dtype=np.float32)
    select_coreset(centroids, Looked(rows, SCAN_DIM), budget=BUDGET)
    return watch


RUNS: dict[str, Callable[[float, Path], Watch]] = {
    "training, no workers": lambda epochs, folder: watch_training(
        epochs=int(epochs), workers=0, workdir=folder, every=max(1, int(epochs) // 40)
    ),
    "training, one worker process": lambda epochs, folder: watch_training(
        epochs=int(epochs), workers=1, workdir=folder, every=max(1, int(epochs) // 40)
    ),
    "scan and pick": lambda rows, folder: watch_scan(rows=int(rows), every=max(1, int(rows) // BLOCK // 20)),
}


def print_long_run(name: str, length: float) -> None:
    """Watch a run and print the result as JSON; a short run before it opens what stays for the whole process."""
    run = RUNS[name]
    scans = name.startswith("scan")
    with tempfile.TemporaryDirectory() as folder:
        run(BLOCK if scans else 1, Path(folder))
    gc.collect()
    before = handles(), processes()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        watch = run(length, Path(folder))
        taken = time.perf_counter() - start
    gc.collect()
    looks = len(watch.mib)
    found = {
        "run": name,
        "over": f"{int(length):,} rows" if scans else f"{int(length)} epochs",
        "seconds": round(taken, 1),
        "looks": looks,
        "mib_after_a_quarter": round(watch.mib[looks // 4], 1),
        "mib_at_the_end": round(watch.mib[-1], 1),
        "kib_a_look": round(watch.slope() * (watch.steps[-1] / max(1, looks - 1)) * 2**10, 2),
        "handles_more": handles() - before[0],
        "processes_more": len(processes() - before[1]),
    }
    print(json.dumps(found))


def measure_long_runs(*, epochs: int, rows: int, at_once: int) -> None:
    """Watch every run and write the result."""
    with ThreadPoolExecutor(at_once) as pool:
        lengths = [rows if name.startswith("scan") else epochs for name in RUNS]
        found = list(pool.map(lambda name, length: in_new_process("print_long_run", name, length), RUNS, lengths))
    write("scale_long_runs", found, images=64, image_size=16, encoder="resnet10_small", scan_dim=SCAN_DIM)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    cases = ("sizes", "planned", "long_runs")
    parser.add_argument("--cases", nargs="*", choices=cases, default=cases)
    parser.add_argument("--largest", type=float, default=SIZES[-1], help="largest size measured")
    parser.add_argument("--at-once", type=int, default=1, help="steps measured beside each other")
    parser.add_argument("--epochs", type=int, default=200, help="of the long training")
    parser.add_argument("--rows", type=float, default=SIZES[-1], help="of the long scan")
    asked = parser.parse_args()
    if "sizes" in asked.cases:
        measure_sizes(tuple(n for n in SIZES if n <= asked.largest), at_once=asked.at_once)
    if "planned" in asked.cases:
        write_plan()
    if "long_runs" in asked.cases:
        measure_long_runs(epochs=asked.epochs, rows=int(asked.rows), at_once=asked.at_once)


if __name__ == "__main__":
    main()
