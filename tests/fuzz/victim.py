"""A process that reads hostile files, so that a crash or a bomb costs it and not the tests."""

import faulthandler
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import IO, Any

ROOT = Path(__file__).parents[2]
READERS = "tests.fuzz.readers"
# Loaded before the memory is limited and the clock runs; the readers import them again.
LIBRARIES = (
    "simcore.audit",
    "simcore.backbones",
    "simcore.downstream.active_learning",
    "simcore.exporting",
    "simcore.images",
    "simcore.selection",
    "simcore.session",
    "simcore.settings",
    "simcore.training.checkpoints",
)
# What a file of some kilobytes may make a reader ask for, beyond what the libraries took when they were loaded.
MOST_MEMORY = 3 * 2**30
MOST_SECONDS = 120


class Victim:
    """A process that answers requests to read a path, started again after each death."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._said: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the object)

    def __enter__(self) -> "Victim":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def read(self, reader: str, path: Path) -> dict[str, Any]:
        """Return what became of reading `path`.

        `outcome` is "read", "refused" (an error of the project), "broken" (any other), "wrong" (what was read is not
        what it should be) or "dead"; with `error` and `message` but for "read".
        """
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        timer = threading.Timer(MOST_SECONDS, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps([reader, str(path)]) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            timer.cancel()
        if answer:
            return dict(json.loads(answer))
        code = process.wait()
        self._process = None
        self._said.seek(0)
        return {"outcome": "dead", "error": f"exit code {code}", "message": self._said.read()[-4000:]}

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None:
            self._said.seek(0)
            self._said.truncate()
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "tests.fuzz.victim"],
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                text=True,
            )
            assert self._process.stdout is not None
            self._process.stdout.readline()  # it says so when its libraries are loaded, which no file is to blame for
        return self._process


def answer(reader: Any, path: str) -> dict[str, str]:
    """Return what becomes of reading `path`."""
    from simcore.session import _project_error

    try:
        reader(Path(path))
    except BaseException as error:
        told = _project_error(error)  # Kedro's datasets wrap it, and the session takes it out again
        if told is not None:
            return {"outcome": "refused", "error": type(told).__name__, "message": str(told)}
        ours = isinstance(error, AssertionError) and _raised_in(error).startswith(str(ROOT / "tests"))
        outcome = "wrong" if ours else "broken"
        return {"outcome": outcome, "error": type(error).__name__, "message": traceback.format_exc(limit=-6)}
    return {"outcome": "read", "error": "", "message": ""}


def _raised_in(error: BaseException) -> str:
    return traceback.extract_tb(error.__traceback__)[-1].filename


def main() -> None:
    """Answer one request a line until there is no more."""
    faulthandler.enable()
    requests, answers = sys.stdin, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    readers = importlib.import_module(READERS).READERS
    for library in LIBRARIES:
        importlib.import_module(library)
    limit_memory()
    answers.write("ready\n")
    answers.flush()
    for line in requests:
        name, path = json.loads(line)
        answers.write(json.dumps(answer(readers[name], path)) + "\n")
        answers.flush()


def limit_memory() -> None:
    """Allow `MOST_MEMORY` beyond what this process has now."""
    status = Path("/proc/self/status")
    if not status.exists():
        return
    data = next(line for line in status.read_text().splitlines() if line.startswith("VmData"))
    limit = int(data.split()[1]) * 1024 + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


if __name__ == "__main__":
    main()
