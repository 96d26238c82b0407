"""Extraction by workers: the bytes of a local run, made in any order, resumed, refused in one sentence."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from simcore.backbones import Encoder, create_random_encoder
from simcore.cluster import Cluster, embedding
from simcore.cluster.embedding import embed_on_cluster
from simcore.embeddings import open_embeddings
from simcore.embeddings.extraction import extract
from simcore.embeddings.shards import shard_name
from simcore.errors import InputError
from simcore.images import ImageStore
from tests.cluster.worlds import SETTINGS, cluster_here, digests, draw_images

N = 23
ONE = Cluster(threads=1)


@pytest.fixture
def encoder() -> Encoder:
    return create_random_encoder("resnet10_small", image_size=16, seed=0)


@pytest.fixture
def manifest(tmp_path: Path) -> pd.DataFrame:
    return draw_images(tmp_path / "images", N)


@pytest.fixture
def local(tmp_path: Path, encoder: Encoder, manifest: pd.DataFrame) -> dict[str, str]:
    extract(encoder, ImageStore(manifest), tmp_path / "local", source="drawn", **SETTINGS)
    return digests(tmp_path / "local")


@pytest.mark.parametrize("cache_gib", [4.0, 0.0])
def test_shards_are_those_of_a_local_run(tmp_path, encoder, manifest, local, cache_gib: float) -> None:
    with cluster_here() as here:
        made = embed_on_cluster(
            encoder, manifest, tmp_path / "made", cluster=ONE, source="drawn", cache_gib=cache_gib, **SETTINGS
        )
    assert digests(tmp_path / "made") == local
    assert made.keys().tolist() == manifest["key"].tolist()
    assert sorted(unit["number"] for unit in here.done[0]) == [0, 1, 2, 3]
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == sorted(local)


@pytest.mark.parametrize(("stop_after", "goes_on"), [(0, "cluster"), (3, "cluster"), (1, "local"), (3, "local")])
def test_a_stopped_run_goes_on_here_or_there(  # noqa: PLR0917 fixtures
    tmp_path, encoder, manifest, local, stop_after: int, goes_on: str
) -> None:
    """Shards stand in any order when a cluster stops; none of them is made again by a cluster."""
    folder = tmp_path / "made"
    with cluster_here() as here:
        here.stop_after = stop_after
        with pytest.raises(KeyboardInterrupt):
            embed_on_cluster(encoder, manifest, folder, cluster=ONE, source="drawn", **SETTINGS)
        assert len(digests(folder)) == stop_after
        with pytest.raises(InputError):
            open_embeddings(folder)
        here.stop_after = None
        if goes_on == "cluster":
            embed_on_cluster(encoder, manifest, folder, cluster=ONE, source="drawn", **SETTINGS)
            assert len(here.done[1]) == 4 - stop_after
        else:
            extract(encoder, ImageStore(manifest), folder, source="drawn", **SETTINGS)
    assert digests(folder) == local
    assert len(open_embeddings(folder)) == N


def test_a_cluster_goes_on_where_a_local_run_was_stopped(tmp_path, encoder, manifest, local) -> None:
    folder = tmp_path / "local"
    (folder / shard_name(3)).unlink()
    (folder / shard_name(1)).unlink()
    (folder / ".unfinished").touch()
    (folder / ".cluster-left").mkdir()
    with cluster_here() as here:
        embed_on_cluster(encoder, manifest, folder, cluster=ONE, source="drawn", **SETTINGS)
    assert sorted(unit["number"] for unit in here.done[0]) == [1, 3]
    assert digests(folder) == local
    assert sorted(path.name for path in folder.iterdir()) == sorted(local)


def test_finished_embeddings_need_no_cluster(tmp_path, encoder, manifest, local) -> None:
    with cluster_here() as here:
        embed_on_cluster(encoder, manifest, tmp_path / "local", cluster=ONE, source="drawn", **SETTINGS)
    assert here.done == []
    assert digests(tmp_path / "local") == local


def test_a_short_shard_is_made_again_and_one_too_many_removed(tmp_path, encoder, manifest, local) -> None:
    folder = tmp_path / "local"
    shutil.copy(folder / shard_name(3), folder / shard_name(2))
    shutil.copy(folder / shard_name(0), folder / shard_name(4))
    with cluster_here() as here:
        embed_on_cluster(encoder, manifest, folder, cluster=ONE, source="drawn", **SETTINGS)
    assert here.done == [[{"number": 2}]]
    assert digests(folder) == local


def test_another_extraction_is_refused(tmp_path, encoder, manifest, local) -> None:
    with cluster_here(), pytest.raises(InputError, match=r"another extraction .*differs in transform"):
        embed_on_cluster(
            encoder, manifest, tmp_path / "local", cluster=ONE, source="drawn", **{**SETTINGS, "resize_ratio": 1.5}
        )
    assert digests(tmp_path / "local") == local


def test_a_bad_image_is_named_and_the_rest_is_kept(tmp_path, encoder, manifest, local) -> None:
    path = tmp_path / "images" / "007.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with cluster_here():
        with pytest.raises(InputError, match=r"Image '007.png' at .*007.png cannot be read any more"):
            embed_on_cluster(encoder, manifest, tmp_path / "made", cluster=ONE, source="drawn", **SETTINGS)
        path.write_bytes(whole)
        embed_on_cluster(encoder, manifest, tmp_path / "made", cluster=ONE, source="drawn", **SETTINGS)
    assert digests(tmp_path / "made") == local


def test_a_machine_without_the_folder_says_so(tmp_path, encoder, manifest, monkeypatch) -> None:
    """What the process laid out is not there when the worker looks for it."""
    lay_out = embedding._lay_out
    monkeypatch.setattr(embedding, "_lay_out", lambda *args, **more: lay_out(*args, **more).with_name("elsewhere"))
    with (
        cluster_here(),
        pytest.raises(InputError, match=r"Machine `.*` of the cluster does not see `.*made`; mount the data root"),
    ):
        embed_on_cluster(encoder, manifest, tmp_path / "made", cluster=ONE, **SETTINGS)


def test_other_libraries_on_a_machine_are_refused(tmp_path, encoder, manifest, monkeypatch) -> None:
    here = embedding.library_versions()
    monkeypatch.setattr(embedding, "library_versions", lambda: here | {"timm": "0.1"})
    with cluster_here(), pytest.raises(InputError, match=rf"has timm 0.1 instead of {here['timm']}; install the same"):
        embed_on_cluster(encoder, manifest, tmp_path / "made", cluster=ONE, **SETTINGS)


def test_wrong_sizes_are_refused(tmp_path, encoder, manifest) -> None:
    with pytest.raises(InputError, match="`batch_size` is 0"):
        embed_on_cluster(encoder, manifest, tmp_path / "made", cluster=ONE, **{**SETTINGS, "batch_size": 0})
    with pytest.raises(InputError, match="no images to embed"):
        embed_on_cluster(encoder, manifest[:0], tmp_path / "made", cluster=ONE, **SETTINGS)
    assert not (tmp_path / "made").exists()
