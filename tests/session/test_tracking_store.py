"""The database of MLflow, made by processes that are killed meanwhile."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import mlflow

from simcore.tracking_store import create_store

MAKE = """
import sys
from pathlib import Path
from simcore.tracking_store import create_store
import mlflow.store.db.utils, sqlalchemy
print("ready", flush=True)
create_store(f"sqlite:///{sys.argv[1]}/mlflow.db", lock=Path(sys.argv[1]) / "locks" / "tracking.lock")
"""


def test_a_kill_leaves_a_whole_store_or_none(tmp_path: Path) -> None:
    begun = 0
    for seconds in (0.2, 0.6, 1.0):
        process = subprocess.Popen([sys.executable, "-c", MAKE, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        while process.poll() is None and not list(tmp_path.glob(".mlflow.db.*.partial")):
            time.sleep(0.01)
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        begun += bool(list(tmp_path.glob(".mlflow.db.*.partial")))
        if (tmp_path / "mlflow.db").exists():
            break
    assert begun, "no kill came in the middle"
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    create_store(uri, lock=tmp_path / "locks" / "tracking.lock")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["locks", "mlflow.db"]
    experiment = mlflow.MlflowClient(uri).create_experiment("birds")
    assert mlflow.MlflowClient(uri).get_experiment(experiment).name == "birds"


def test_a_store_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("CREATE TABLE mine (x)")
    before = (tmp_path / "mlflow.db").read_bytes()
    create_store(f"sqlite:///{tmp_path}/mlflow.db", lock=tmp_path / "lock")
    create_store("http://127.0.0.1:1", lock=tmp_path / "lock")
    assert (tmp_path / "mlflow.db").read_bytes() == before and not (tmp_path / "lock").exists()
