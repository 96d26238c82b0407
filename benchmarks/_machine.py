"""What every benchmark record says about the machine, and how times are taken."""

import gc
import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "numpy", "pyarrow", "faiss-gpu", "faiss-cpu", "scikit-learn", "simcore")


def machine() -> dict[str, Any]:
    """Return processor, cores, memory, system and the load of the last minute, which tells how quiet it was."""
    processor = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        processor = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), processor)
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_1_min": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Return Python and the packages that decide about speed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def seconds(function: Callable[[], Any], *, repeats: int, warm_up: int = 1) -> list[float]:
    """Return the wall time of `repeats` calls, after `warm_up` calls that do not count."""
    for _ in range(warm_up):
        function()
    times = []
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return times


def spread(times: Sequence[float]) -> dict[str, Any]:
    """Return number, median, minimum and maximum of `times`."""
    return {
        "n": len(times),
        "median_s": round(statistics.median(times), 4),
        "min_s": round(min(times), 4),
        "max_s": round(max(times), 4),
    }


def paired_ratio(times: Sequence[float], others: Sequence[float]) -> float:
    """Return the median over the runs of time / time of the other that was run in the same turn.

    A machine that is slow for a while is slow for both of a pair, so that the ratio holds where medians of all runs
    drift apart.
    """
    return statistics.median(one / other for one, other in zip(times, others, strict=True))


class PeakMemory:
    """Measures how far resident memory rises above where it was: `with PeakMemory() as peak: ...; peak.gib`."""

    def __enter__(self) -> "PeakMemory":
        gc.collect()
        # Linux resets the high-water mark of the resident set to its present size.
        Path("/proc/self/clear_refs").write_text("5")
        self._before = self._read("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.gib = (self._read("VmHWM") - self._before) / 2**20

    @staticmethod
    def _read(name: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1])


def write(name: str, rows: Sequence[Mapping[str, Any]], **settings: Any) -> None:
    """Write `results/<name>.json`, from which the tables of the docs are made, and show the rows."""
    RESULTS.mkdir(exist_ok=True)
    record = {
        "benchmark": name,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "settings": settings,
        "rows": list(rows),
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    for row in rows:
        print(json.dumps(row))
