"""Run in a process whose disk at argv[1] is small: tries every writer of the project there, prints what each said."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from kedro.io.core import Version

from simcore.backbones import create_random_encoder
from simcore.datasets import PageDataset, RecordsDataset, TableDataset
from simcore.embeddings import write_embeddings
from simcore.files import disk_trouble
from simcore.images.runs import write_tables
from simcore.selection import fit_clustering
from simcore.training.checkpoints import Checkpoints

BYTES = np.random.default_rng(0).integers(0, 256, 8 * 2**20, dtype=np.uint8)
"""Eight MiB that no compression makes smaller."""


def columns() -> dict:
    return {"key": [f"k{row:05d}" for row in range(8192)], "data": np.split(BYTES, 8192)}


def shards(disk: Path) -> None:
    rows = BYTES.view(np.uint16).astype(np.float16).reshape(-1, 512)
    write_embeddings(disk / "embeddings", [f"k{row:05d}" for row in range(len(rows))], np.nan_to_num(rows, posinf=0))


def listing(disk: Path) -> None:
    table = pa.table({"key": columns()["key"], "data": [each.tobytes() for each in columns()["data"]]})
    write_tables(disk / "manifest.parquet", [table], schema=table.schema, rows=1024, compression="snappy")


def table(disk: Path) -> None:
    frame = pd.DataFrame({"key": columns()["key"], "data": [each.tobytes() for each in columns()["data"]]})
    TableDataset(filepath=str(disk / "table.parquet"), version=Version(None, "1")).save(frame)


def page(disk: Path) -> None:
    PageDataset(filepath=str(disk / "report.html"), version=Version(None, "1")).save(BYTES.tobytes().hex())


def records(disk: Path) -> None:
    RecordsDataset(filepath=str(disk / "metrics.json"), version=Version(None, "1")).save([BYTES.tobytes().hex()])


def checkpoint(disk: Path) -> None:
    state = {"bytes": torch.from_numpy(BYTES)}
    Checkpoints(disk / "states", fingerprint="f", keep=2).save(state, step=1)


def encoder(disk: Path) -> None:
    create_random_encoder("resnet10_small", image_size=28, seed=0).save(disk / "encoder")


def centroids(disk: Path) -> None:
    from simcore.datasets import CentroidsDataset

    clustering = fit_clustering(np.random.default_rng(0).normal(size=(300, 4096)), n_clusters=200, seed=1)
    CentroidsDataset(filepath=str(disk / "c.parquet"), version=Version(None, "1")).save(clustering)


def tracking(disk: Path) -> None:
    """MLflow's own database: what it raises must be understood, since it is no writer of the project's."""
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{disk / 'mlflow.db'}")
    try:
        run = client.create_run(client.create_experiment("e"))
        for number in range(2000):
            client.set_tag(run.info.run_id, f"t{number}", "x" * 4000)
    except Exception as error:
        from simcore.errors import DiskError

        raise DiskError(disk_trouble(error, place=disk)) from error


WRITERS: tuple[Callable[[Path], None], ...] = (
    shards,
    listing,
    table,
    page,
    records,
    checkpoint,
    encoder,
    centroids,
    tracking,
)


def main() -> None:
    disk = Path(sys.argv[1])
    told = {}
    for writer in WRITERS:
        try:
            writer(disk)
            told[writer.__name__] = ["nothing", ""]
        except Exception as error:
            root = error.__cause__ if type(error).__name__ == "DatasetError" and error.__cause__ else error
            told[writer.__name__] = [type(root).__name__, str(root)]
        told[writer.__name__].append(sorted(str(left) for left in disk.rglob("*.partial")))
        for path in disk.iterdir():
            if path.name.startswith("mlflow"):
                path.unlink()
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
