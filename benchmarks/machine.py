"""What every measurement carries: the machine, the versions, and where its result is written."""

import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("simcore", "kedro", "mlflow", "torch", "torchvision", "numpy", "pyarrow", "faiss-gpu", "faiss-cpu")


def describe_machine() -> dict[str, str]:
    """Return processor, cores, system and library versions."""
    facts = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for name in LIBRARIES:
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return facts


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def write_result(name: str, result: dict[str, Any]) -> None:
    """Write `results/<name>.json`, from which the tables of docs/benchmarks.md are made."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": describe_machine(), **result}, indent=1) + "\n")
