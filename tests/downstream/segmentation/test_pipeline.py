"""`kedro run --pipelines segmentation` on official downloads in miniature, with an encoder from elsewhere."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simcore.backbones import create_random_encoder
from simcore.downstream.segmentation import LEGEND
from simcore.errors import InputError
from tests.images.sources.miniatures.birds import make_birds
from tests.images.sources.miniatures.pets import make_pets
from tests.projects import run_here


def run(root: Path, source: Path, encoder: str, **segmentation: object) -> None:
    params = {
        "target": {"source": str(source)},
        "evaluation": {"encoder": encoder},
        "images": {"image_size": 32},
        "segmentation": segmentation,
        # The image size is worked out from these, although none is pretrained.
        "retrieval": {"optimisation": {"batch_size": "auto"}},
        "pretraining": {"optimisation": {"batch_size": "auto"}},
    }
    run_here(root, pipeline_names=["segmentation"], params=params)


def newest(root: Path, name: str) -> Path:
    return max((root / "07_evaluation" / name).glob(f"*/{name}"))


def test_an_encoder_from_a_folder_on_pets(tmp_path, caplog) -> None:
    make_pets(tmp_path / "pets")
    create_random_encoder("resnet10_small", image_size=32, seed=3).save(tmp_path / "encoder")
    data = tmp_path / "data"
    caplog.set_level("INFO")
    run(data, tmp_path / "pets", str(tmp_path / "encoder"), protocols=["clean", "published"])
    records = json.loads(newest(data, "metrics_segmentation_given.json").read_text())
    assert {record["protocol"] for record in records} == {"clean", "published"}
    found = {(record["metric"], record["protocol"]): record for record in records}
    assert {metric for metric, _ in found} == {"iou_fg", "iou_bg", "miou", "learning_rate"}
    assert found["miou", "clean"]["n"] == 8
    assert found["miou", "clean"]["arm"] == "given"
    assert found["miou", "clean"]["seed"] == 3
    assert found["miou", "clean"]["encoder"] == str(tmp_path / "encoder")
    assert 0 <= found["miou", "clean"]["value"] <= 1
    picture = np.array(Image.open(io.BytesIO(newest(data, "segmentation_pictures_given.png").read_bytes())))
    for colour in LEGEND:
        assert (picture[:28] == colour.rgb).all(axis=-1).sum() >= 100, colour.name
    assert not (data / "02_manifests" / "openset_manifest.parquet").exists()

    caplog.clear()
    run(data, tmp_path / "pets", str(tmp_path / "encoder"), protocols=["clean", "published"])
    assert "given.segment" in next(text for text in caplog.messages if text.startswith("Re-used"))


def test_no_masks_stops_before_anything_is_trained(tmp_path, monkeypatch) -> None:
    make_birds(tmp_path / "birds", segmentations=None)
    from simcore.downstream.segmentation import fitting

    monkeypatch.setattr(fitting, "pretrain", lambda *_, **__: pytest.fail("a training began"))
    with pytest.raises(InputError, match=r"have no masks, so nothing can be segmented"):
        run(tmp_path / "data", tmp_path / "birds", "random:resnet10_small")


def test_wrong_parameters_stop_at_the_start(tmp_path) -> None:
    make_pets(tmp_path / "pets")
    for wrong, words in (
        ({"output_stride": 12}, "parameter `segmentation.output_stride` is 12"),
        ({"scale": [2.0, 1.0]}, "0 < smallest <= largest"),
        ({"dilation": [1, 2, 3]}, "unknown parameter `segmentation.dilation`; did you mean `dilations`"),
    ):
        with pytest.raises(InputError, match=words):
            run(tmp_path / "data", tmp_path / "pets", "random:resnet10_small", **wrong)
