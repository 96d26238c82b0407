"""No version is ever half there."""

from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from kedro.io.core import DatasetError, Version

from simcore.backbones import create_random_encoder
from simcore.datasets import (
    CentroidsDataset,
    EmbeddingsDataset,
    EncoderDataset,
    FigureDataset,
    PageDataset,
    PictureDataset,
    RecordsDataset,
    SeedEncodersDataset,
    TableDataset,
)
from simcore.embeddings import write_embeddings
from simcore.selection import fit_clustering


def both(path: Path, version: str) -> dict:
    return {"filepath": str(path), "version": Version(None, version)}


class Explosive:
    """Breaks while it is written."""

    def to_parquet(self, *_args, **_kwargs) -> None:
        raise OSError("disk full")


def test_failed_save_leaves_the_previous_version_the_latest(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    TableDataset(**both(path, "1")).save(pd.DataFrame({"a": [1]}))
    with pytest.raises(DatasetError):
        TableDataset(**both(path, "2")).save(Explosive())
    again = TableDataset(filepath=str(path), version=Version(None, None))
    assert again.load()["a"].tolist() == [1]
    assert again.resolve_load_version() == "1"
    assert not list(tmp_path.rglob("*.partial"))


def test_killed_save_leaves_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = RecordsDataset(**both(tmp_path / "r.json", "1"))

    def die(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        dataset.save({"a": 1})
    monkeypatch.undo()
    assert not RecordsDataset(filepath=str(tmp_path / "r.json"), version=Version(None, None)).exists()


def test_addresses_with_a_protocol_are_refused() -> None:
    with pytest.raises(DatasetError, match="mount the store"):
        TableDataset(filepath="s3://bucket/x.parquet")


def test_table_round_trip_and_preview(tmp_path: Path) -> None:
    frame = pd.DataFrame({"key": [f"k{i}" for i in range(9)], "label": ["a", None, "b"] * 3})
    dataset = TableDataset(**both(tmp_path / "t.parquet", "1"))
    dataset.save(frame)
    pd.testing.assert_frame_equal(dataset.load(), frame)
    preview = dataset.preview(nrows=2)
    assert preview["columns"] == ["key", "label"]
    assert len(preview["data"]) == 2
    assert TableDataset.preview.__annotations__["return"].__name__ == "TablePreview"


def test_records_refuse_nan(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        RecordsDataset(**both(tmp_path / "r.json", "1")).save([{"value": float("nan")}])


def test_encoders_round_trip(tmp_path: Path) -> None:
    encoders = {seed: create_random_encoder("resnet10_small", image_size=28, seed=seed) for seed in (0, 3)}
    dataset = SeedEncodersDataset(**both(tmp_path / "encoders", "1"))
    dataset.save(encoders)
    loaded = dataset.load()
    assert {seed: encoder.fingerprint for seed, encoder in loaded.items()} == {
        seed: encoder.fingerprint for seed, encoder in encoders.items()
    }
    single = EncoderDataset(**both(tmp_path / "one", "1"))
    single.save(encoders[0])
    assert single.load().card == encoders[0].card


def test_embeddings_are_linked_into_their_version(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float16)
    keys = [f"k{i:02d}" for i in range(10)]
    handle = write_embeddings(tmp_path / "work", keys, rows)
    dataset = EmbeddingsDataset(**both(tmp_path / "embeddings", "1"))
    dataset.save(handle)
    loaded = dataset.load()
    assert loaded.keys().tolist() == keys
    np.testing.assert_array_equal(loaded.to_numpy(), rows)
    assert dataset.preview(nrows=3)["data"][0][0] == "k00"


def test_centroids_round_trip(tmp_path: Path) -> None:
    clustering = fit_clustering(np.random.default_rng(0).normal(size=(30, 5)), n_clusters=4, seed=1)
    dataset = CentroidsDataset(**both(tmp_path / "c.parquet", "1"))
    dataset.save(clustering)
    loaded = dataset.load()
    np.testing.assert_array_equal(loaded.centroids, clustering.centroids)
    np.testing.assert_array_equal(loaded.sizes, clustering.sizes)
    assert (loaded.inertia, loaded.settings) == (clustering.inertia, clustering.settings)
    assert len(dataset.preview(nrows=2)["data"]) == 2


def test_pages_pictures_and_figures_round_trip(tmp_path: Path) -> None:
    page = PageDataset(**both(tmp_path / "p.html", "1"))
    page.save("<p>ä</p>")
    assert page.load() == "<p>ä</p>"
    picture = PictureDataset(**both(tmp_path / "p.png", "1"))
    picture.save(b"\x89PNG")
    assert picture.load() == b"\x89PNG"
    figure = FigureDataset(**both(tmp_path / "f.json", "1"))
    figure.save(go.Figure(go.Scatter(x=[1], y=[2])))
    assert figure.load().data[0].y == (2,)
    assert "data" in figure.preview()


def test_a_finished_table_file_is_linked_into_place(tmp_path: Path) -> None:
    finished = tmp_path / "work" / "manifest.parquet"
    finished.parent.mkdir()
    pd.DataFrame({"key": ["a"], "width": pd.array([3], dtype="int32")}).to_parquet(finished)
    dataset = TableDataset(**both(tmp_path / "table.parquet", "1"))
    dataset.save(finished)
    saved = tmp_path / "table.parquet" / "1" / "table.parquet"
    assert saved.stat().st_ino == finished.stat().st_ino
    finished.unlink()
    assert dataset.load().to_dict("list") == {"key": ["a"], "width": [3]}
    assert len(dataset.preview(3)["data"]) == 1


def test_a_finished_file_is_copied_where_it_cannot_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("another file system")

    monkeypatch.setattr("simcore.datasets.linking.os.link", refuse)
    pd.DataFrame({"key": ["a"]}).to_parquet(tmp_path / "done.parquet")
    dataset = TableDataset(**both(tmp_path / "table.parquet", "1"))
    dataset.save(tmp_path / "done.parquet")
    assert dataset.load()["key"].tolist() == ["a"]
