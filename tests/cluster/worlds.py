"""Images, embeddings and a cluster that is this process: every unit goes through Arrow, as with Ray."""

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from simcore.cluster import embedding, mapping, selecting
from simcore.cluster.connecting import Cluster
from simcore.images import read_source

SETTINGS = {"image_size": 16, "batch_size": 4, "rows_per_shard": 6, "show_progress": False}


def draw_images(folder: Path, n: int, *, side: int = 20) -> pd.DataFrame:
    """Write `n` images and return their manifest."""
    generator = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for number in range(n):
        pixels = generator.integers(0, 256, (side, side + 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03d}.png", compress_level=1)
    return read_source(folder, role="openset").manifest


def digests(directory: Path) -> dict[str, str]:
    """Return the sha256 of every shard, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.glob("*.parquet"))}


class Here:
    """Stands for a cluster: does all units in this process, in a shuffled order.

    Attributes:
        done: units of each call.
        stop_after: units until it dies; None: never.
    """

    def __init__(self) -> None:
        self.done: list[list[dict[str, Any]]] = []
        self.stop_after: int | None = None

    def map(
        self,
        make: Callable[[], mapping.Work],
        units: Iterable[Mapping[str, Any]],
        *,
        columns: pa.Schema,
        cluster: Cluster,
        gpus: int = 0,
    ) -> Iterator[pa.Table]:
        """Stand for `map_on_cluster`."""
        worker = mapping.Worker(make, columns, threads=1)
        listed = [dict(unit) for unit in units]
        random.Random(len(self.done)).shuffle(listed)
        self.done.append([])
        for unit in listed:
            if self.stop_after is not None and len(self.done[-1]) == self.stop_after:
                raise KeyboardInterrupt
            answer = worker(pa.Table.from_pylist([unit]))
            mapping._raise(answer)
            self.done[-1].append(unit)
            yield answer.select(columns.names)


@contextmanager
def cluster_here(*, room: int = 3) -> Iterator[Here]:
    """Let this process be the cluster."""
    here = Here()

    @contextmanager
    def connected(_: Cluster) -> Iterator[Any]:
        yield SimpleNamespace(nodes=list)

    with pytest.MonkeyPatch.context() as patch:
        for module in (embedding, selecting):
            patch.setattr(module, "connected", connected)
            patch.setattr(module, "map_on_cluster", here.map)
        patch.setattr(selecting, "room_for_workers", lambda ray, cluster: room)
        patch.setattr(selecting, "load_ray", lambda: None)
        yield here
