"""Extraction: resumed to the same bytes, refused when it is another one."""

import hashlib
import signal
import subprocess
import sys
import threading
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from simcore.backbones import Encoder, create_random_encoder
from simcore.embeddings import EmbeddingWriter, open_embeddings
from simcore.embeddings.extraction import extract
from simcore.errors import InputError
from simcore.images import ImageStore, eval_pixels, read_source

N = 23


@pytest.fixture
def store(tmp_path):
    generator = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(N):
        pixels = generator.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return ImageStore(read_source(folder, role="openset").manifest)


@pytest.fixture
def encoder():
    return create_random_encoder("resnet10_small", image_size=16, seed=0)


@pytest.fixture
def run(store, encoder, tmp_path):
    def run(name="embeddings", **changes):
        settings = {"image_size": 16, "batch_size": 4, "rows_per_shard": 6, "show_progress": False, **changes}
        return extract(settings.pop("encoder", encoder), settings.pop("store", store), tmp_path / name, **settings)

    return run


def digests(directory):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.glob("*.parquet"))}


def test_rows_are_the_features_of_their_images(run, store, encoder):
    embeddings = run()
    assert embeddings.keys().tolist() == list(store.keys)
    assert embeddings.dim == encoder.dim
    expected = encoder.encode(eval_pixels(store, image_size=16)).half().numpy()
    np.testing.assert_allclose(embeddings.to_numpy(), expected, rtol=2e-3, atol=1e-4)


def test_the_header_tells_encoder_and_transform(run, encoder):
    metadata = run(resize_ratio=1.25).metadata
    assert metadata["encoder"] == encoder.fingerprint
    assert metadata["transform"] == {"image_size": 16, "resize_ratio": 1.25}
    assert metadata["versions"]["torch"] == version("torch")


class StoppedError(Exception):
    """Stands for whatever ends a run."""


@pytest.mark.parametrize("batches", [0, 1, 2, 3, 5, 7])
def test_a_run_stopped_anywhere_resumes_to_the_same_bytes(run, encoder, tmp_path, monkeypatch, batches):
    run("whole")
    calls = []
    original = Encoder.encode

    def stopping(self, pixels):
        if len(calls) == batches:
            raise StoppedError
        calls.append(len(pixels))
        return original(self, pixels)

    monkeypatch.setattr(Encoder, "encode", stopping)
    with pytest.raises(StoppedError):
        run()
    with pytest.raises(InputError):
        open_embeddings(tmp_path / "embeddings")
    whole_shards = len(list((tmp_path / "embeddings").glob("*.parquet")))
    calls.clear()
    monkeypatch.setattr(Encoder, "encode", lambda self, pixels: calls.append(len(pixels)) or original(self, pixels))
    run()
    assert sum(calls) == N - 6 * whole_shards
    assert digests(tmp_path / "embeddings") == digests(tmp_path / "whole")


KILLED = """
import os, signal, sys
from pathlib import Path
from simcore.backbones import Encoder
from simcore.embeddings import EmbeddingWriter
from simcore.embeddings.extraction import extract
from simcore.images import ImageStore, read_source

folder, encoder, out, where, shards = sys.argv[1:]
flush = EmbeddingWriter._flush

def flush_and_die(self, count):
    if self._shards == int(shards) and where == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    flush(self, count)
    if self._shards == int(shards) + 1 and where == "after":
        os.kill(os.getpid(), signal.SIGKILL)

EmbeddingWriter._flush = flush_and_die
store = ImageStore(read_source(folder, role="openset").manifest, cache_gib=0.0)
extract(Encoder.load(encoder), store, out, image_size=16, batch_size=4, rows_per_shard=6, show_progress=False)
"""


@pytest.mark.parametrize(("where", "shards"), [("before", 2), ("after", 1)])
def test_a_killed_process_is_resumed_to_the_same_bytes(run, encoder, tmp_path, where: str, shards: int) -> None:
    """SIGKILL: nothing is cleaned up, nothing flushed."""
    encoder.save(tmp_path / "encoder")
    arguments = [tmp_path / "images", tmp_path / "encoder", tmp_path / "embeddings", where, shards]
    ended = subprocess.run([sys.executable, "-c", KILLED, *map(str, arguments)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(digests(tmp_path / "embeddings")) == 2
    with pytest.raises(InputError, match="interrupted"):
        open_embeddings(tmp_path / "embeddings")
    run("whole")
    run()
    assert digests(tmp_path / "embeddings") == digests(tmp_path / "whole")


def test_a_slow_disk_holds_nothing_up_and_mixes_nothing_up(run, store, tmp_path, monkeypatch) -> None:
    run("whole")
    ahead, encoded = threading.Event(), []
    original, encode = EmbeddingWriter._flush, Encoder.encode

    def slow(self, count):
        assert ahead.wait(timeout=30), "the encoder waits for the shard to be written"
        original(self, count)

    def counting(self, pixels):
        encoded.append(len(pixels))
        if sum(encoded) >= 12:
            ahead.set()
        return encode(self, pixels)

    monkeypatch.setattr(EmbeddingWriter, "_flush", slow)
    monkeypatch.setattr(Encoder, "encode", counting)
    run()
    assert digests(tmp_path / "embeddings") == digests(tmp_path / "whole")


def test_a_shard_does_not_close_over_a_batch_that_was_not_written(run, tmp_path, monkeypatch) -> None:
    """The third batch fails when two more have been encoded: neither may be written."""
    write, encode = EmbeddingWriter.write, Encoder.encode
    written, encoded, enough = [], [], threading.Event()

    def failing(self, keys, rows):
        written.append(len(keys))
        if len(written) == 3:
            assert enough.wait(timeout=30)
            raise OSError("disk full")
        write(self, keys, rows)

    def counting(self, pixels):
        encoded.append(len(pixels))
        if len(encoded) == 5:
            enough.set()
        return encode(self, pixels)

    monkeypatch.setattr(EmbeddingWriter, "write", failing)
    monkeypatch.setattr(Encoder, "encode", counting)
    with pytest.raises(OSError, match="disk full"):
        run()
    assert len(written) == 3
    assert len(digests(tmp_path / "embeddings")) == 1


@pytest.mark.parametrize("cache_gib", [1.0, 0.0])
@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_an_image_that_went_bad_after_ingestion_is_named(run, tmp_path, cache_gib: float, damage: str) -> None:
    folder = tmp_path / "images"
    manifest = read_source(folder, role="openset").manifest
    key = manifest["key"][7]
    path = tmp_path / "images" / "07.png"
    data = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"no image")
    with pytest.raises(InputError, match=f"'{key}' at .*07.png cannot be read any more: .*read the source again"):
        run(store=ImageStore(manifest, cache_gib=cache_gib))


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_do_not_change_the_bytes(run, tmp_path, workers: int) -> None:
    store = ImageStore(read_source(tmp_path / "images", role="openset").manifest, cache_gib=0.0)
    run("cached")
    run("decoded", store=store, workers=workers)
    assert digests(tmp_path / "cached") == digests(tmp_path / "decoded")


def test_no_bar_where_none_is_asked_for(run, capfd) -> None:
    run("quiet", show_progress=False)
    assert capfd.readouterr().err == ""
    run("shown", show_progress=True)
    assert "embed" in capfd.readouterr().err


def test_a_finished_extraction_stays_as_it_is(run, tmp_path):
    run()
    before = digests(tmp_path / "embeddings")
    run()
    assert digests(tmp_path / "embeddings") == before


def test_the_batch_size_does_not_change_the_images(run):
    np.testing.assert_allclose(
        run("a", batch_size=1).to_numpy().astype(np.float32),
        run("b", batch_size=100).to_numpy().astype(np.float32),
        rtol=2e-3,
        atol=2e-3,
    )


def test_another_encoder_other_images_or_size_are_refused(run, store):
    run()
    with pytest.raises(InputError, match="another extraction"):
        run(encoder=create_random_encoder("resnet10_small", image_size=16, seed=1))
    with pytest.raises(InputError, match="another extraction"):
        run(store=store.subset(list(store.keys)[:10]))
    with pytest.raises(InputError, match="another extraction"):
        run(image_size=18)


def test_a_feature_that_is_not_finite_names_its_image(run, store, monkeypatch):
    original = Encoder.encode

    def poisoned(self, pixels):
        features = original(self, pixels)
        if len(pixels) == 2:
            features[1, 3] = float("nan")
        return features

    monkeypatch.setattr(Encoder, "encode", poisoned)
    with pytest.raises(InputError, match=f"`{store.keys[5]}`.*NaN"):
        run()


def test_wrong_sizes_are_refused(run, store):
    with pytest.raises(InputError, match="`batch_size` is 0"):
        run(batch_size=0)
    empty = object.__new__(ImageStore)
    empty.__dict__.update(store.__dict__, _rows=np.arange(0))
    with pytest.raises(InputError, match="no images to embed"):
        run(store=empty)


def test_keys_stay_in_store_order_across_shards(run, store):
    frame = pd.concat([pd.DataFrame({"key": keys}) for keys, _ in run().blocks(rows=5)])
    assert frame["key"].tolist() == list(store.keys)
