"""Artefacts that were damaged on disk: truncated, with changed bytes, or with files missing. Never wrong rows."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.io.core import DatasetError, Version

import simcore.content
from simcore.backbones import Encoder, create_random_encoder
from simcore.datasets import (
    AtomicDataset,
    CentroidsDataset,
    EmbeddingsDataset,
    EncoderDataset,
    PageDataset,
    RecordsDataset,
    SeedEncodersDataset,
    TableDataset,
)
from simcore.embeddings import write_embeddings
from simcore.errors import ArtefactError
from simcore.selection import fit_clustering
from tests.faults.jobs import results
from tests.journeys.test_main_job import newest, ran
from tests.projects import run_here

pytestmark = pytest.mark.fault

FLIPS = 40
RNG = np.random.default_rng(0)


def embeddings(folder: Path) -> Any:
    keys = [f"image/{row:04d}.png" for row in range(300)]
    return write_embeddings(folder / "work", keys, RNG.normal(size=(300, 16)), rows_per_shard=128)


KINDS: dict[str, tuple[type[AtomicDataset], Callable[[Path], Any]]] = {
    "embeddings": (EmbeddingsDataset, embeddings),
    "manifest.parquet": (TableDataset, lambda _: pd.DataFrame({"key": [f"k{i}" for i in range(500)], "width": 7})),
    "centroids.parquet": (
        CentroidsDataset,
        lambda _: fit_clustering(RNG.normal(size=(60, 8)), n_clusters=5, seed=1),
    ),
    "encoder": (EncoderDataset, lambda _: create_random_encoder("resnet10_small", image_size=28, seed=0)),
    "encoders": (
        SeedEncodersDataset,
        lambda _: {seed: create_random_encoder("resnet10_small", image_size=28, seed=seed) for seed in (0, 1)},
    ),
    "metrics.json": (RecordsDataset, lambda _: [{"metric": "top1", "value": 0.25, "n": 100}] * 5),
    "report.html": (PageDataset, lambda _: "<p>ä</p>" * 50),
}


@pytest.fixture(scope="module", params=KINDS)
def stored(request, tmp_path_factory: pytest.TempPathFactory) -> tuple[AtomicDataset, list[Path]]:
    """A saved artefact of each kind, as a later process opens it, and its files."""
    kind, make = KINDS[request.param]
    folder = tmp_path_factory.mktemp("stored")
    where = {"filepath": str(folder / request.param)}
    kind(**where, version=Version(None, "1")).save(make(folder))
    place = folder / request.param / "1" / request.param
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    return kind(**where, version=Version(None, None)), files


def refused(dataset: AtomicDataset, file: Path) -> None:
    """Loading names the file in one sentence."""
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    cause: BaseException | None = caught.value
    while cause is not None and not isinstance(cause, ArtefactError):
        cause = cause.__cause__ or cause.__context__
    assert cause is not None, caught.value
    assert str(file) in str(cause) and "\n" not in str(cause) and "makes it again" in str(cause)


def test_a_flipped_bit_anywhere_is_found_when_the_artefact_is_loaded(stored, record_property) -> None:
    dataset, files = stored
    dataset.load()
    draw = random.Random(0)
    for _ in range(FLIPS):
        file = draw.choice(files)
        whole = file.read_bytes()
        place = draw.randrange(len(whole))
        damaged = bytearray(whole)
        damaged[place] ^= 1 << draw.randrange(8)
        file.write_bytes(bytes(damaged))
        refused(dataset, file)
        file.write_bytes(whole)
    dataset.load()
    record_property("count", FLIPS)


def test_a_truncated_file_is_named(stored, record_property) -> None:
    dataset, files = stored
    for file in files:
        whole = file.read_bytes()
        for length in (0, len(whole) // 2, len(whole) - 1):
            file.write_bytes(whole[:length])
            assert str(file) in str(dataset.damage())
            refused(dataset, file)
        file.write_bytes(whole)
    assert dataset.damage() is None
    record_property("count", 3 * len(files))


def test_a_missing_file_is_named(stored, record_property) -> None:
    """The last shard above all: what is left of the embeddings would pass for a smaller set."""
    dataset, files = stored
    if len(files) == 1:
        pytest.skip("a single file that is missing is no version at all")
    for file in files:
        whole = file.read_bytes()
        file.unlink()
        refused(dataset, file)
        file.write_bytes(whole)
    record_property("count", len(files))


def test_large_artefacts_are_compared_by_their_bytes_only_where_that_is_asked(stored, monkeypatch) -> None:
    dataset, files = stored
    monkeypatch.setattr(simcore.content, "CHECKED_BYTES", 10)
    file = files[-1]
    whole = file.read_bytes()
    file.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    assert dataset.damage() is None
    assert str(file) in str(dataset.damage(digests_up_to=float("inf")))
    file.write_bytes(whole)


def test_status_and_the_next_run_see_a_damaged_shard(
    finished: Path, small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = Path(shutil.copytree(finished, tmp_path / "root"))
    shard = newest(root, "openset_embeddings") / "part-00000.parquet"
    whole = shard.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 16
    shard.write_bytes(bytes(flipped))

    params = {**small_data, "status": {"digests": True}}
    told = run_here(root, params=params, pipeline_names=["status"])["status"].load().set_index("dataset")
    assert told["reason"]["openset_embeddings"] == f"{shard} does not hold the bytes that were written"
    assert told["state"].drop(["openset_embeddings", "report"]).eq("fresh").all()
    with pytest.raises(ArtefactError, match=r"part-00000\.parquet does not hold the bytes that were written; remove"):
        run_here(root, params={**small_data, "selection": {"tau": 0.9}}, pipeline_names=["selection"])
    shutil.rmtree(newest(root, "openset_embeddings").parent)
    caplog.clear()
    with caplog.at_level("INFO"):
        run_here(root, params=small_data, pipeline_names=["embedding"])
    assert ran(caplog) == ["embed_openset"]
    assert newest(root, "openset_embeddings").joinpath("part-00000.parquet").read_bytes() == whole
    assert results(root) == results(finished)


def content(place: Path) -> dict[str, bytes] | str:
    """Return what an artefact holds; the header of an encoder's weights names their format in any order."""
    if place.name == "retrieval_encoder":
        return Encoder.load(place).fingerprint
    return {path.name: path.read_bytes() for path in place.iterdir()}


@pytest.mark.parametrize(
    "what",
    [
        pytest.param("shard truncated", marks=pytest.mark.long),
        pytest.param("last shard removed", marks=pytest.mark.long),
        "encoder removed",
    ],
)
def test_a_run_makes_again_what_is_not_whole(
    what: str, finished: Path, small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = Path(shutil.copytree(finished, tmp_path / "root"))
    name, stage = ("retrieval_encoder", "retrieval") if "encoder" in what else ("openset_embeddings", "embedding")
    place = newest(root, name)
    shard = sorted(newest(root, "openset_embeddings").iterdir())[-1]
    if "truncated" in what:
        shard.write_bytes(shard.read_bytes()[:-100])
    elif "shard" in what:
        shard.unlink()
    else:
        shutil.rmtree(place)
    with caplog.at_level("INFO"):
        run_here(root, params=small_data, pipeline_names=[stage])
    assert len(ran(caplog)) == 1, "one node makes it"
    assert newest(root, name) != place
    assert content(newest(root, name)) == content(newest(finished, name))
    caplog.clear()
    with caplog.at_level("INFO"):
        run_here(root, params=small_data, pipeline_names=["embedding", "clustering", "selection"])
    assert not ran(caplog), "what follows still holds"
