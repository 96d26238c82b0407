"""On Ray itself: the bytes and the picks of a local run, and errors of workers in one sentence."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simcore.backbones import create_random_encoder
from simcore.cluster import Cluster, connected
from simcore.cluster.embedding import embed_on_cluster
from simcore.cluster.selecting import select_on_cluster
from simcore.embeddings.extraction import extract
from simcore.errors import InputError
from simcore.images import ImageStore
from simcore.selection import select_coreset
from tests.cluster.worlds import SETTINGS, digests, draw_images

pytest.importorskip("ray")

TWO = Cluster(threads=1, workers=2)


@pytest.fixture(scope="module")
def ray() -> Iterator[object]:
    """One cluster of this machine for all tests here."""
    before = os.environ.copy(), signal.getsignal(signal.SIGTERM)
    with connected(TWO) as ray:
        # Asked again whenever data are mapped.
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
        yield ray
    assert not ray.is_initialized()
    assert (os.environ.get("RAY_USAGE_STATS_ENABLED"), signal.getsignal(signal.SIGTERM)) == (
        before[0].get("RAY_USAGE_STATS_ENABLED"),
        before[1],
    )


def test_embeddings_and_coreset_are_those_of_a_local_run(ray, tmp_path: Path) -> None:
    manifest = draw_images(tmp_path / "images", 53)
    encoder = create_random_encoder("resnet10_small", image_size=16, seed=0)
    local = extract(encoder, ImageStore(manifest), tmp_path / "local", **SETTINGS)
    made = embed_on_cluster(encoder, manifest, tmp_path / "made", cluster=TWO, **SETTINGS)
    assert digests(tmp_path / "made") == digests(tmp_path / "local")
    assert len(digests(tmp_path / "made")) == 9
    centroids = np.random.default_rng(1).normal(size=(3, encoder.dim))
    settings = {"budget": 40, "depth": 7, "exclude": ["003.png", "050.png"]}
    expected = select_coreset(centroids, local, **settings)
    picked = select_on_cluster(centroids, made, cluster=TWO, **settings)
    assert picked.certificate.passes > 1
    pd.testing.assert_frame_equal(picked.coreset_frame(), expected.coreset_frame())
    pd.testing.assert_frame_equal(picked.trace, expected.trace)


def test_an_error_of_a_worker_is_one_sentence(ray, tmp_path: Path) -> None:
    manifest = draw_images(tmp_path / "images", 12)
    encoder = create_random_encoder("resnet10_small", image_size=16, seed=0)
    (tmp_path / "images" / "007.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"^Image '007.png' at .*007.png cannot be read any more: ") as caught:
        embed_on_cluster(
            encoder, manifest, tmp_path / "made", cluster=Cluster(threads=1, workers=1), cache_gib=0.0, **SETTINGS
        )
    assert "\n" not in str(caught.value)
    assert "embed_shard" in "".join(caught.value.__notes__)
    assert len(digests(tmp_path / "made")) == 1
