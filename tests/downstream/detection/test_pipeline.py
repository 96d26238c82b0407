"""The pipeline alone: from aircraft as they come off the archive to records, curves and a picture."""

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from simcore.backbones import create_random_encoder
from simcore.errors import InputError
from simcore.parameters import ParameterTree, check_parameters
from simcore.pipelines.detection.nodes import detect
from tests.downstream.detection.worlds import make_manifest
from tests.images.sources.miniatures.aircraft import FOLDER, make_aircraft
from tests.parameters.test_parameters import load
from tests.projects import RAW, run_here

SMALL = {"min_side": 32, "max_side": 48, "width": 16, "pictures": 3, "least_score": 0.0}


def parameters(source: Path | str) -> dict[str, Any]:
    return {
        "target": {"source": str(source)},
        "evaluation": {"encoder": "random:resnet10_small"},
        "detection": {"optimisation": {"steps": 2, "epochs": None}, **SMALL},
    }


def detect_here(tmp_path: Path, settings: ParameterTree, spec: str | None, **of_arms: Any) -> Any:
    groups = (settings.images, settings.detection, spec, None, "resnet10_small", settings.runtime)
    return detect(make_manifest(tmp_path), *groups, **of_arms)


def newest(root: Path, name: str) -> Path:
    return sorted((root / "07_evaluation" / name).glob(f"*/{name}"))[-1]


def test_aircraft_from_the_archive_to_records(tmp_path: Path) -> None:
    make_aircraft(tmp_path / FOLDER)
    root = tmp_path / "data"
    run_here(root, pipeline_names=["detection"], params=parameters(tmp_path / FOLDER))
    records = json.loads(newest(root, "detection_metrics.json").read_text())
    assert [(each["arm"], each["seed"], each["metric"], each["protocol"], each["n"]) for each in records] == [
        ("given", 0, metric, protocol, 12) for protocol in ("clean", "published") for metric in ("map", "map50")
    ]
    assert all(0 <= each["value"] <= 1 for each in records)
    curves = pd.read_parquet(newest(root, "detection_curves.parquet"))
    assert curves["step"].tolist() == [2]
    assert {"arm", "seed", "loss", "loss_classification"} <= set(curves.columns)
    picture = Image.open(io.BytesIO(newest(root, "detection_pictures.png").read_bytes()))
    assert picture.size[0] > 3 * 300
    # Nothing of the open-set was looked at.
    assert not (root / "02_manifests" / "openset_manifest.parquet").exists()


def test_every_encoder_of_an_arm_is_judged(tmp_path: Path) -> None:
    settings = check_parameters(load("test", **parameters("unread")))
    encoders = {seed: create_random_encoder("resnet10_small", image_size=32, seed=seed) for seed in (0, 5)}
    records, curves, picture = detect_here(tmp_path, settings, None, x=encoders, random=None, simcore=None)
    assert list(dict.fromkeys((each["arm"], each["seed"]) for each in records)) == [("x", 0), ("x", 5)]
    assert len(records) == 8
    assert list(zip(curves["arm"], curves["seed"], strict=True)) == [("x", 0), ("x", 5)]
    # A row of three pictures for each.
    width, height = Image.open(io.BytesIO(picture)).size
    assert 3 * 320 < width < 4 * 320
    assert 2 * 320 < height < 3 * 320


def test_a_target_without_boxes_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    params = parameters(RAW / "quadrupeds_target.parquet")
    with pytest.raises(InputError, match="have no boxes, so there is nothing to detect"):
        run_here(tmp_path / "data", pipeline_names=["detection"], params=params)
    assert not list((tmp_path / "data").glob("**/run.json"))


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (None, "There is no encoder to judge: no arm is finished"),
        ("random:vit_tiny_16", "A VisionTransformer gives maps of 1 size"),
    ],
)
def test_an_encoder_that_cannot_be_judged(tmp_path: Path, encoder: str | None, message: str) -> None:
    settings = check_parameters(load("test", **parameters("unread")))
    with pytest.raises(InputError, match=message):
        detect_here(tmp_path, settings, encoder, x=None, random=None, simcore=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_side": 400}, "in `detection`, `min_side` is 400 and must not exceed `max_side`, 333"),
        ({"nms_iou": 2}, "`detection.nms_iou` is 2, but should be less than or equal to 1"),
        ({"optimisation": {"epochs": "paper"}}, "`paper` stands for lengths of pretraining"),
        ({"optimisation": {"views_on": "device"}}, "images with boxes are cropped by workers alone"),
    ],
)
def test_wrong_parameters(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_parameters(load(detection=change))


def test_the_published_length_is_a_preset() -> None:
    assert check_parameters(load("paper")).detection.optimisation.epochs == 30
