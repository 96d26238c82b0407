"""The images go away while they are read: told, and nothing that is there counts as missing afterwards."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import simcore.images.verify
from simcore.backbones import create_random_encoder
from simcore.embeddings import open_embeddings
from simcore.embeddings.extraction import extract
from simcore.errors import InputError, SimCoreError
from simcore.images import ImageStore, read_source

pytestmark = pytest.mark.fault

N = 40


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "pool"
    folder.mkdir()
    for number in range(N):
        pixels = np.random.default_rng(number).integers(0, 256, (28, 28, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    return folder


@pytest.mark.parametrize("after", [3, 36])
def test_a_source_that_goes_away_while_its_images_are_checked(
    after: int, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where so few images are left to check that `max_rejected` would let them go."""
    whole = read_source(source, role="openset")
    away = tmp_path / "away"
    seen = []
    decode = simcore.images.verify.decode_compact

    def decode_and_lose(data: bytes) -> np.ndarray:
        seen.append(data)
        if len(seen) == after:
            source.rename(away)
        return decode(data)

    monkeypatch.setattr(simcore.images.verify, "decode_compact", decode_and_lose)
    work = tmp_path / "work"
    with pytest.raises(InputError, match="is gone now; bring it back") as caught:
        read_source(source, role="openset", workdir=work, workers=1)
    assert str(source) in str(caught.value) and len(seen) >= after
    monkeypatch.undo()
    away.rename(source)
    again = read_source(source, role="openset", workdir=work, workers=1)
    assert again.manifest.equals(whole.manifest) and len(again.manifest) == N
    assert again.rejected.empty


def test_a_source_that_goes_away_while_it_is_embedded(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = ImageStore(read_source(source, role="openset").manifest, cache_gib=0)
    encoder = create_random_encoder("resnet10_small", image_size=28, seed=0)
    settings = {"image_size": 28, "batch_size": 4, "rows_per_shard": 8, "show_progress": False, "workers": 1}
    whole = extract(encoder, store, tmp_path / "whole", **settings).to_numpy()
    encode = type(encoder).encode
    batches = []

    def encode_and_lose(self, pixels, **kwargs):
        batches.append(len(pixels))
        if len(batches) == 5:
            source.rename(tmp_path / "away")
        return encode(self, pixels, **kwargs)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SimCoreError, match=r"\.png"):
        patch.setattr(type(encoder), "encode", encode_and_lose)
        extract(encoder, store, tmp_path / "work", **settings)
    with pytest.raises(InputError, match="interrupted"):
        open_embeddings(tmp_path / "work")
    (tmp_path / "away").rename(source)
    with caplog.at_level(logging.INFO):
        again = extract(encoder, store, tmp_path / "work", **settings)
    np.testing.assert_array_equal(again.to_numpy(), whole)
