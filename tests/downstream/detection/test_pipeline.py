"""The pipeline alone: from aircraft as they come off the archive to records, curves and pictures of each arm."""

import io
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from simcore.backbones import create_random_encoder
from simcore.downstream.detection import LEGEND
from simcore.errors import InputError
from simcore.parameters import check_parameters
from simcore.pipelines.detection.nodes import detect_arm
from tests.downstream.detection.worlds import make_manifest
from tests.images.sources.miniatures.aircraft import FOLDER, make_aircraft
from tests.journeys.test_main_job import ran
from tests.parameters.test_parameters import load
from tests.projects import RAW, run_here, session_here

ARMS = ("x", "random", "simcore")


def parameters(source: Path | str, *, encoder: str | None = "random:resnet10_small") -> dict[str, Any]:
    return {
        "target": {"source": str(source)},
        "evaluation": {"encoder": encoder},
        # Two steps teach nothing to be certain of.
        "detection": {"least_score": 0.0},
        # The image size is worked out from these, although none is pretrained.
        "retrieval": {"optimisation": {"batch_size": "auto"}},
        "pretraining": {"optimisation": {"batch_size": "auto"}},
    }


def detect_here(tmp_path: Path, backbone: str, *, seeds: tuple[int, ...], **facts: Any) -> Any:
    settings = check_parameters(load("test", detection={"least_score": 0.0}))
    encoders = {seed: create_random_encoder(backbone, image_size=32, seed=seed) for seed in seeds}
    groups = (settings.images, settings.detection, settings.runtime)
    manifest = make_manifest(tmp_path)
    manifest.attrs.update(facts)
    return detect_arm(encoders, manifest, *groups, arm="x")


def newest(root: Path, name: str) -> Path:
    return sorted((root / "07_evaluation" / name).glob(f"*/{name}"))[-1]


def test_aircraft_from_the_archive_to_records(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    make_aircraft(tmp_path / FOLDER)
    root = tmp_path / "data"
    run_here(root, pipeline_names=["detection"], params=parameters(tmp_path / FOLDER))
    assert set(ran(caplog)) == {"ingest_target", "decide_image_size", "given.load", "given.detect"}
    records = json.loads(newest(root, "metrics_detection_given.json").read_text())
    assert [(each["arm"], each["seed"], each["metric"], each["protocol"], each["n"]) for each in records] == [
        ("given", 0, metric, protocol, 12) for protocol in ("clean", "published") for metric in ("map", "map50")
    ]
    assert all(0 <= each["value"] <= 1 for each in records)
    assert {each["encoder"] for each in records} == {"random:resnet10_small"}
    curves = pd.read_parquet(newest(root, "detection_curves_given.parquet"))
    assert curves["step"].tolist() == [2]
    assert {"arm", "seed", "loss", "loss_classification"} <= set(curves.columns)
    picture = np.array(Image.open(io.BytesIO(newest(root, "detection_pictures_given.png").read_bytes())))
    assert picture.shape[1] > 3 * 300
    for colour in LEGEND:
        assert (picture[:28] == colour.rgb).all(axis=-1).sum() >= 100, colour.name
    # Nothing of the open-set was looked at.
    assert not (root / "02_manifests" / "openset_manifest.parquet").exists()
    # The report takes it up while it holds.
    for steps, taken in ((2, records), (3, [])):
        params = parameters(tmp_path / FOLDER)
        params["detection"]["optimisation"] = {"steps": steps}
        with session_here(root, params=params) as session:
            assert session.load_context().catalog.load("evaluated_beside") == taken


def test_each_arm_has_its_node_and_takes_its_newest_encoders(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    make_aircraft(tmp_path / FOLDER)
    root, params = tmp_path / "data", parameters(tmp_path / FOLDER, encoder=None)

    def store(arm: str, seed: int) -> None:
        with session_here(root) as session:
            encoder = create_random_encoder("resnet10_small", image_size=32, seed=seed)
            session.load_context().catalog[f"encoders_{arm}"].save({seed: encoder})

    for seed, arm in enumerate(ARMS):
        store(arm, seed)
    store("x", 7)
    run_here(root, pipeline_names=["detection"], params=params)
    assert {name for name in ran(caplog) if "." in name} == {f"{arm}.detect" for arm in ARMS}
    for arm, seed in zip(ARMS, (7, 1, 2), strict=True):
        records = json.loads(newest(root, f"metrics_detection_{arm}.json").read_text())
        assert {(each["arm"], each["seed"]) for each in records} == {(arm, seed)}

    # Other encoders of one arm are looked at without the others.
    store("simcore", 3)
    caplog.clear()
    run_here(root, pipeline_names=["detection"], params=params)
    assert {name for name in ran(caplog) if "." in name} == {"simcore.detect"}


def test_every_encoder_of_an_arm_is_judged(tmp_path: Path) -> None:
    records, curves, picture = detect_here(tmp_path, "resnet10_small", seeds=(0, 5))
    assert list(dict.fromkeys((each["arm"], each["seed"]) for each in records)) == [("x", 0), ("x", 5)]
    assert len(records) == 8
    assert list(zip(curves["arm"], curves["seed"], strict=True)) == [("x", 0), ("x", 5)]
    # A row of three pictures for each.
    width, height = Image.open(io.BytesIO(picture)).size
    assert 3 * 320 < width < 4 * 320
    assert 28 + 2 * 320 < height < 28 + 2 * 320 + 50


def test_protocols_tell_that_test_images_were_drawn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    drawn = {"of": "aircraft", "images": 2, "share": 0.3, "seed": 0}
    records, _, _ = detect_here(tmp_path, "resnet10_small", seeds=(0,), drawn_test=drawn)
    assert {record["protocol"] for record in records} == {"clean - drawn test", "published - drawn test"}
    assert "aircraft has no test part of its own" in caplog.text


def test_a_target_without_boxes_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    params = parameters(RAW / "quadrupeds_target.parquet")
    with pytest.raises(InputError, match="have no boxes, so there is nothing to detect"):
        run_here(tmp_path / "data", pipeline_names=["detection"], params=params)
    assert not list((tmp_path / "data").glob("**/run.json"))


def test_an_encoder_without_a_pyramid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="A VisionTransformer gives maps of 1 size"):
        detect_here(tmp_path, "vit_tiny_16", seeds=(0,))


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


def test_the_environment_for_tests_is_small() -> None:
    tree = check_parameters(load("test"))
    assert tree.detection.optimisation.steps is not None and tree.detection.optimisation.steps <= 10
    assert tree.detection.max_side <= 64 and tree.detection.width <= 32
    assert tree.segmentation.epochs == 1 and len(tree.segmentation.learning_rates) == 1


def test_the_published_length_is_a_preset() -> None:
    assert check_parameters(load("paper")).detection.optimisation.epochs == 30
