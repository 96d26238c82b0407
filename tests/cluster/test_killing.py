"""Workers, machines and the process that asked, killed in the middle: nothing changes but the time it takes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from simcore.backbones import Encoder, create_random_encoder
from simcore.cluster import Cluster, connected, selecting
from simcore.cluster.embedding import embed_on_cluster
from simcore.cluster.selecting import select_on_cluster
from simcore.embeddings import Embeddings, write_embeddings
from simcore.embeddings.extraction import extract
from simcore.images import ImageStore
from simcore.selection import select_coreset
from simcore.selection.candidates import Candidates
from tests.cluster.processes import WAIT, below, kill, runs, wait_for, workers_below
from tests.cluster.worlds import SETTINGS, digests, draw_images

pytest.importorskip("ray")
pytestmark = [pytest.mark.long, pytest.mark.fault]

# Large enough to decode that a shard takes a while.
N, SIDE = 120, 700
N_SHARDS = N // SETTINGS["rows_per_shard"]
TWO = Cluster(threads=1, workers=2)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Images, an encoder, and what a local run makes of them."""
    folder = tmp_path_factory.mktemp("killing")
    manifest = draw_images(folder / "images", N, side=SIDE)
    encoder = create_random_encoder("resnet10_small", image_size=16, seed=0)
    extract(encoder, ImageStore(manifest, cache_gib=0.0), folder / "local", **SETTINGS)
    return {"manifest": manifest, "encoder": encoder, "local": digests(folder / "local")}


def embed(world: dict[str, Any], folder: Path, cluster: Cluster) -> Embeddings:
    return embed_on_cluster(world["encoder"], world["manifest"], folder, cluster=cluster, cache_gib=0.0, **SETTINGS)


def shards(folder: Path) -> int:
    return len(list(folder.glob("part-*.parquet")))


def test_a_worker_that_is_killed_while_embedding(world, tmp_path: Path) -> None:
    with connected(TWO), ThreadPoolExecutor(1) as pool:
        made = pool.submit(embed, world, tmp_path / "made", TWO)
        killed = []
        for goal in (1, 6):
            wait_for(lambda goal=goal: shards(tmp_path / "made") >= goal)
            killed.append(kill(wait_for(lambda: workers_below(os.getpid()))[0]))
            assert shards(tmp_path / "made") < N_SHARDS - 2, "the kill came too late to prove anything"
            assert not made.done()
        made.result(timeout=WAIT)
    assert len(set(killed)) == 2
    assert digests(tmp_path / "made") == world["local"]


@pytest.fixture
def machines() -> Iterator[Any]:
    """A cluster of three machines, here: the first one has room for no worker."""
    from ray.cluster_utils import Cluster as Machines

    machines = Machines(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 2**28})
    machines.workers = [machines.add_node(num_cpus=1, object_store_memory=2**28) for _ in range(2)]
    try:
        yield machines
    finally:
        machines.shutdown()


def test_a_machine_that_is_killed_while_embedding(world, tmp_path: Path, machines) -> None:
    here = Cluster(address=machines.address, threads=1)
    with connected(here), ThreadPoolExecutor(1) as pool:
        made = pool.submit(embed, world, tmp_path / "made", here)
        wait_for(lambda: shards(tmp_path / "made") >= 2)
        machines.remove_node(machines.workers[0], allow_graceful=False)
        assert shards(tmp_path / "made") < N_SHARDS - 4, "the kill came too late to prove anything"
        made.result(timeout=WAIT)
    assert digests(tmp_path / "made") == world["local"]


def test_a_joined_cluster_goes_on(world, tmp_path: Path, machines) -> None:
    """Leaving it stops none of its processes, not even after an error."""
    import ray

    here = Cluster(address=machines.address, threads=1)
    with pytest.raises(KeyboardInterrupt), connected(here):
        raise KeyboardInterrupt
    assert not ray.is_initialized()
    for node in [machines.head_node, *machines.workers]:
        assert node.all_processes["raylet"][0].process.poll() is None
    embed(world, tmp_path / "made", here)
    assert digests(tmp_path / "made") == world["local"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Embeddings, np.ndarray, dict[str, Any]]:
    """Embeddings, centroids and settings with which each of eight parts takes a second to scan."""
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(240_000, 64)).astype(np.float16)
    keys = np.char.zfill(np.arange(len(rows)).astype(str), 6)
    openset = write_embeddings(tmp_path_factory.mktemp("large") / "openset", keys, rows, rows_per_shard=10_000)
    settings = {"budget": 15_000, "depth": 60, "block_rows": 16, "exclude": ["000007", "239999"]}
    return openset, draw.normal(size=(400, 64)), settings


@pytest.mark.parametrize("what", ["worker", "machine"])
def test_what_is_killed_while_scanning(large, machines, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    openset, centroids, settings = large
    joined: list[int] = []

    class Counting(selecting.Joiner):
        def add(self, part: Candidates, *, start: int) -> None:
            joined.append(start)
            super().add(part, start=start)

    monkeypatch.setattr(selecting, "Joiner", Counting)
    here = Cluster(address=machines.address, threads=1)
    with connected(here), ThreadPoolExecutor(1) as pool:
        made = pool.submit(select_on_cluster, centroids, openset, cluster=here, **settings)
        wait_for(lambda: joined)
        if what == "worker":
            [raylet] = machines.workers[0].all_processes["raylet"]
            kill(workers_below(raylet.process.pid)[0])
        else:
            machines.remove_node(machines.workers[0], allow_graceful=False)
        assert len(joined) <= 5, "the kill came too late to prove anything"
        picked = made.result(timeout=WAIT)
    assert sorted(joined) == list(range(0, 240_000, 30_000))
    local = select_coreset(centroids, openset, **settings)
    pd.testing.assert_frame_equal(picked.coreset_frame(), local.coreset_frame())
    pd.testing.assert_frame_equal(picked.trace, local.trace)


KILLED = """
import sys
import pandas as pd
from simcore.backbones import Encoder
from simcore.cluster import Cluster
from simcore.cluster.embedding import embed_on_cluster
from simcore.images import read_source

images, encoder, out, image_size, batch_size, rows_per_shard = sys.argv[1:]
embed_on_cluster(
    Encoder.load(encoder), read_source(images, role="openset").manifest, out, cluster=Cluster(threads=1, workers=2),
    cache_gib=0.0, image_size=int(image_size), batch_size=int(batch_size), rows_per_shard=int(rows_per_shard),
    show_progress=False,
)
"""


def test_the_process_that_asked_is_killed(world, tmp_path: Path) -> None:
    """Its cluster ends with it; the same call goes on, on a cluster or without."""
    encoder: Encoder = world["encoder"]
    encoder.save(tmp_path / "encoder")
    images = Path(world["manifest"]["uri"][0]).parent
    numbers = [SETTINGS[name] for name in ("image_size", "batch_size", "rows_per_shard")]
    arguments = [images, tmp_path / "encoder", tmp_path / "made", *numbers]
    asking = subprocess.Popen([sys.executable, "-c", KILLED, *map(str, arguments)])
    try:
        wait_for(lambda: shards(tmp_path / "made") >= 3)
        started = below(asking.pid)
    finally:
        asking.kill()
        asking.wait()
    done = shards(tmp_path / "made")
    assert 3 <= done < N_SHARDS - 2, "the kill came too late to prove anything"
    assert len(started) > 4
    wait_for(lambda: not any(runs(each) for each in started))
    extract(encoder, ImageStore(world["manifest"], cache_gib=0.0), tmp_path / "made", **SETTINGS)
    assert digests(tmp_path / "made") == world["local"]
