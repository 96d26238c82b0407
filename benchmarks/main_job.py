"""Where the time of the main job goes: the nodes' own work against everything Kedro, MLflow and re-use add.

    python -m benchmarks.main_job

runs the default job in an empty data root, once, and again without anything to do. The overhead is a share within one
run: (time between the first and the last hook of the pipeline - time inside the nodes' functions) / the former.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._machine import write

PROBE = """
import json, sys, time
start = time.perf_counter()
from pathlib import Path
from kedro.framework.hooks import hook_impl
from kedro.framework.startup import bootstrap_project
bootstrap_project(Path.cwd())
from simcore.session import SimCoreSession

class Stopwatch:
    functions = 0.0
    @hook_impl(tryfirst=True)
    def before_pipeline_run(self): self.began = time.perf_counter()
    @hook_impl(trylast=True)
    def before_node_run(self): self.entered = time.perf_counter()
    @hook_impl(tryfirst=True)
    def after_node_run(self): self.functions += time.perf_counter() - self.entered
    @hook_impl(trylast=True)
    def after_pipeline_run(self): self.ended = time.perf_counter()

with SimCoreSession.create(project_path=Path.cwd(), runtime_params={"data_root": sys.argv[1]}) as session:
    watch = Stopwatch()
    session._hook_manager.register(watch)
    session.run()
facts = {"startup": watch.began - start, "pipeline": watch.ended - watch.began, "functions": watch.functions}
Path(sys.argv[2]).write_text(json.dumps(facts))
"""


def run_once(data_root: Path, answer: Path) -> dict[str, float]:
    """Run the default job in a process of its own; return its seconds."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", PROBE, str(data_root), str(answer)], check=True)
    return {**json.loads(answer.read_text()), "wall": time.perf_counter() - began}


def main() -> None:
    """Measure and write the result."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        first = run_once(root / "data", root / "first.json")
        second = run_once(root / "data", root / "second.json")
    overhead = (first["pipeline"] - first["functions"]) / first["pipeline"]
    rows = [
        {"figure": "first run, seconds", "value": round(first["wall"], 1)},
        {"figure": "of it start-up, seconds", "value": round(first["startup"], 1)},
        {"figure": "of it inside the nodes' functions, seconds", "value": round(first["functions"], 1)},
        {"figure": "overhead, % of the pipeline's time", "value": round(100 * overhead, 2)},
        {"figure": "second run, nothing to do, seconds", "value": round(second["wall"], 1)},
    ]
    write("main_job", rows, runs=1)


if __name__ == "__main__":
    main()
