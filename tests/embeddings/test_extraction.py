"""Extraction: resumed to the same bytes, refused when it is another one."""

import hashlib
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from simcore.backbones import Encoder, create_random_encoder
from simcore.embeddings import open_embeddings
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
