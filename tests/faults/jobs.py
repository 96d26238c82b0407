"""The default job in a process of its own, watched and killed; and what it left compared."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import mlflow
import pandas as pd

from simcore.embeddings import open_embeddings
from tests.journeys.test_main_job import newest
from tests.projects import ROOT, as_params

_DONE = re.compile(r"Completed node: (\S+)")


class Job:
    """`kedro run` on a data root, with the moment at which each node was done.

    Attributes:
        done: Node to seconds since the start.
    """

    def __init__(self, root: Path, sources: dict, *, wrap: tuple[str, ...] = (), **params: object) -> None:
        settings = {
            "data_root": root,
            "target.source": sources["target"]["source"],
            "openset.source": sources["openset"]["source"],
            **params,
        }
        command = [sys.executable, "-W", "ignore", "-m", "kedro", "run", "--env", "test", "--params"]
        env = {**os.environ, "KEDRO_LOGGING_CONFIG": str(ROOT / "conf" / "logging.yml"), "COLUMNS": "200"}
        env.pop("MLFLOW_TRACKING_URI", None)
        self.done: dict[str, float] = {}
        self.lines: list[str] = []
        self._start = time.monotonic()
        self._process = subprocess.Popen(
            # What was started in the background ignores Ctrl-C otherwise.
            [*wrap, "env", "--default-signal=INT", *command, as_params(settings)],
            cwd=ROOT,
            env=env,
            text=True,
            errors="replace",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            if found := _DONE.search(line):
                self.done[found[1]] = time.monotonic() - self._start

    def wait_past(self, node: str | None, seconds: float, *, before: frozenset[str]) -> None:
        """Return `seconds` after `node` was done (None: the start), or at once when the job ends.

        A node that was done in an earlier try counts as done with the first one of this try.
        """
        while self.is_running():
            began = 0.0 if node is None else self.done.get(node)
            if began is None and node in before and self.done:
                began = min(self.done.values())
            if began is not None and time.monotonic() - self._start >= began + seconds:
                return
            time.sleep(0.01)

    def signal(self, number: int) -> None:
        """Send a signal to the job and the processes it has started."""
        os.killpg(self._process.pid, number)

    def is_running(self) -> bool:
        """Return whether the process is there, stopped or not."""
        return self._process.poll() is None

    def kill(self) -> bool:
        """Kill the job and its workers; return whether it was still running."""
        running = self.is_running()
        if running:
            self.signal(signal.SIGKILL)
        self.wait()
        return running

    def wait(self, timeout: float = 500) -> int:
        """Return the exit code once the job has ended."""
        code = self._process.wait(timeout)
        self._reader.join(10)
        return code

    @property
    def said(self) -> str:
        """Everything that the job has said."""
        return "\n".join(self.lines)

    @property
    def last_line(self) -> str:
        """The last line that is not empty."""
        return next((line for line in reversed(self.lines) if line.strip()), "")


def results(root: Path) -> dict[str, object]:
    """Return what two runs on the same must have in common: picks, their order, embeddings, metrics."""
    metrics = {
        path.name: json.loads(newest(root, path.name).read_text())
        for path in root.rglob("metrics_*.json")
        if path.is_file()
    }
    coreset = pd.read_parquet(newest(root, "coreset_simcore.parquet"))
    random = pd.read_parquet(newest(root, "coreset_random.parquet"))
    openset = open_embeddings(newest(root, "openset_embeddings"))
    return {
        "coreset": coreset.to_json(orient="split", double_precision=15),
        "random": random["key"].tolist(),
        "openset keys": openset.keys().tolist(),
        "openset rows": openset.to_numpy().tobytes(),
        "metrics": metrics,
    }


def leftovers(root: Path) -> list[str]:
    """Return temporary files and unfinished work below a data root."""
    work = [path for path in (root / ".work").rglob("*") if path.is_file() and path.parent.name != "locks"]
    return sorted(map(str, [*root.rglob("*.partial"), *work]))


def statuses(root: Path) -> dict[str, list[str]]:
    """Return the status of every run of MLflow below a data root, and what is said of those that were killed."""
    client = mlflow.MlflowClient(f"sqlite:///{next(root.glob('*.db'))}")
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()], max_results=1000)
    return {run.info.run_id: [run.info.status, run.data.tags.get("ended_by", "")] for run in runs}
