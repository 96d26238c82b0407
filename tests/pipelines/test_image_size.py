"""The size of the images: what the patches divide, and what the time allows."""

from typing import Any

import pandas as pd
import pytest
from PIL import Image

from simcore.backbones import create_random_encoder
from simcore.errors import InputError
from simcore.images import read_source
from simcore.parameters import check_parameters
from simcore.pipelines.ingestion.nodes import decide_image_size
from tests.parameters.test_parameters import load


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("images")
    for shade in range(12):
        Image.new("RGB", (130, 126), (shade, 9, 9)).save(folder / f"{shade}.png")
    return read_source(folder, role="target").manifest


def decide(manifest: pd.DataFrame, **typed: Any) -> dict[str, Any]:
    tree = check_parameters(load("test", **typed))
    return decide_image_size(manifest, tree.images, tree.retrieval, tree.pretraining, tree.comparison, tree.runtime)


SHORT = {"optimisation": {"batch_size": "auto"}}


def test_patches_of_both_encoders_divide_it(manifest: pd.DataFrame) -> None:
    plain = {"retrieval": SHORT, "pretraining": SHORT}
    assert decide(manifest, **plain)["image_size"] == 112
    vit = {"pretraining": {**SHORT, "backbone": "timm:vit_tiny_patch16_224"}, "retrieval": SHORT}
    assert decide(manifest, **vit)["image_size"] == 112
    both = {
        "pretraining": {**SHORT, "backbone": "timm:vit_small_patch32_224"},
        "retrieval": {**SHORT, "backbone": "vit_tiny_4"},
    }
    assert decide(manifest, **both)["image_size"] == 96


def test_a_given_encoder_counts_in_place_of_the_trained_one(manifest: pd.DataFrame, tmp_path) -> None:
    create_random_encoder("timm:vit_tiny_patch16_224", image_size=32, seed=0).save(tmp_path / "given")
    wanted = {"images": {"image_size": 100}, "pretraining": SHORT}
    assert decide(manifest, retrieval=SHORT, **wanted)["image_size"] == 100
    with pytest.raises(InputError, match="nearest allowed: 96 or 112"):
        decide(manifest, retrieval={**SHORT, "encoder": str(tmp_path / "given")}, **wanted)


def test_more_views_leave_time_for_smaller_images(manifest: pd.DataFrame) -> None:
    slow = {"images": {"time_budget_minutes": 0.01, "images_per_second_at_32": 1000}}
    stages = {"retrieval": SHORT, "pretraining": SHORT}
    many = {name: {**SHORT, "dino": {"local_views": 40}} for name in stages}
    assert (
        decide(manifest, **slow, method="dino", **many)["image_size"] < decide(manifest, **slow, **stages)["image_size"]
    )


def test_a_batch_larger_than_x_is_refused_before_any_training(manifest: pd.DataFrame) -> None:
    for stage, other in (("retrieval", "pretraining"), ("pretraining", "retrieval")):
        sentence = (
            f"In `{stage}.optimisation`, for the train images of .*: `batch_size` is 16 but the training data has"
        )
        with pytest.raises(InputError, match=sentence) as caught:
            decide(manifest, **{other: SHORT})
        assert "`images.image_size=<pixels>`" in str(caught.value)
        assert str(manifest["source"].iloc[0]) in str(caught.value)


def test_where_the_size_is_given_a_training_that_cannot_be_stops_no_evaluation(
    manifest: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert decide(manifest, images={"image_size": 64})["image_size"] == 64
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "`pretraining.optimisation`" in warning and "batch_size" in warning
    assert "minutes" not in caplog.text
    caplog.clear()
    decide(manifest, images={"image_size": 64}, retrieval=SHORT, pretraining=SHORT)
    assert "minutes" in caplog.text and "WARNING" not in caplog.text
