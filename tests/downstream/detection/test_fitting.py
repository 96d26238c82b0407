"""Detectors through the loop that pretrains: they learn, resume, and leave a frozen encoder alone."""

import copy
import logging

import pytest
import torch

from simcore.backbones import Encoder, create_random_encoder
from simcore.downstream.detection import (
    BoxViewSettings,
    Detector,
    find_objects,
    fit_detector,
    read_annotations,
    score_records,
)
from simcore.errors import ArtefactError, InputError
from simcore.training import TrainingSettings
from tests.downstream.detection.worlds import make_manifest, open_split

VIEW = BoxViewSettings(min_side=32, max_side=32, flip=0.0)
SETTINGS = TrainingSettings(steps=6, batch_size=4, optimiser="adam", learning_rate=1e-3, workers=0, threads=1)


def encoder() -> Encoder:
    return create_random_encoder("resnet10_small", image_size=32, seed=0)


def fit(tmp_path, *, settings=SETTINGS, given=None, **change):
    manifest = make_manifest(tmp_path / "images")
    annotations = read_annotations(manifest)
    arguments = {"class_count": 2, "view": VIEW, "seed": 0, "workdir": tmp_path / "work", "width": 16} | change
    train = open_split(manifest, "train")
    method, result = fit_detector(given or encoder(), train, annotations.train, settings=settings, **arguments)
    return method, result, manifest, annotations


def test_eight_images_are_learned_by_heart_when_the_encoder_is_trained_along(tmp_path) -> None:
    # torchvision draws the heads' first weights for 256 channels; with few of them little comes through at first.
    settings = SETTINGS.model_copy(
        update={"steps": 130, "batch_size": 8, "learning_rate": 1.5e-3, "warmup_steps": 10, "clip_gradient": 5.0}
    )
    given = encoder()
    before = given.fingerprint
    method, _, manifest, annotations = fit(tmp_path, settings=settings, given=given, frozen=False, width=96)
    train = open_split(manifest, "train")
    found = find_objects(method, train, annotations.train, view=VIEW, mean=given.card.mean, std=given.card.std)
    records = score_records(found, [annotations.train[str(key)] for key in train.keys])
    values = {(each["metric"], each["protocol"]): each["value"] for each in records}
    assert values["map50", "clean"] > 0.9
    assert values["map50", "published"] > 0.9
    # A copy was trained.
    assert Encoder(given.module, given.card).fingerprint == before


def test_a_frozen_encoder_keeps_every_weight_and_buffer_while_the_rest_learns(tmp_path) -> None:
    given = encoder()
    method, result, *_ = fit(tmp_path, given=given)
    own = method.encoder.state_dict()
    assert set(own) == set(given.module.state_dict())
    assert any("running_mean" in name for name in own)
    assert all(torch.equal(value, own[name]) for name, value in given.module.state_dict().items())
    start = Detector(copy.deepcopy(given.module), class_count=2, seed=0, width=16)
    still = [
        name
        for name, value in start.model.head.state_dict().items()
        if torch.equal(value, method.model.head.state_dict()[name])
    ]
    assert not still
    assert {"loss_classification", "loss_bbox_regression", "feature_spread"} <= set(result.curves.columns)


def test_a_frozen_encoder_that_moves_is_told_after_the_training(tmp_path, monkeypatch) -> None:
    def move(self, moment) -> None:
        self.encoder.bn1.running_mean.add_(1)

    monkeypatch.setattr(Detector, "before_step", move)
    with pytest.raises(ArtefactError, match=r"The detector does not hold .*other values: bn1.running_mean"):
        fit(tmp_path, settings=SETTINGS.model_copy(update={"steps": 1}))


def test_an_interrupted_training_ends_with_the_same_bits(tmp_path, monkeypatch) -> None:
    settings = SETTINGS.model_copy(update={"checkpoint_every_seconds": 0.0})
    straight, *_ = fit(tmp_path, settings=settings)

    class StopError(Exception):
        pass

    taken = []

    def stop(self, moment) -> None:
        taken.append(moment.step)
        if moment.step == 4:
            raise StopError

    with monkeypatch.context() as patch:
        patch.setattr(Detector, "before_step", stop)
        with pytest.raises(StopError):
            fit(tmp_path, settings=settings, workdir=tmp_path / "cut")
        patch.setattr(Detector, "before_step", lambda self, moment: taken.append(moment.step))
        resumed, *_ = fit(tmp_path, settings=settings, workdir=tmp_path / "cut")
    assert taken == [1, 2, 3, 4, 4, 5, 6]
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_batch_larger_than_the_data_is_reduced_and_said(tmp_path, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        _, result, *_ = fit(tmp_path, settings=SETTINGS.model_copy(update={"steps": 1, "batch_size": 16}))
    assert result.batch_size == 8
    assert "Batches of 8 images, since there are no more (16 asked for)" in caplog.text


def test_what_cannot_be_trained_on_is_refused(tmp_path) -> None:
    manifest = make_manifest(tmp_path / "images")
    objects = read_annotations(manifest).train
    train = open_split(manifest, "train")
    arguments = {"class_count": 2, "view": VIEW, "settings": SETTINGS, "seed": 0, "workdir": tmp_path}
    with pytest.raises(InputError, match=r"`objects` says nothing of image '03\.png'"):
        fit_detector(encoder(), train, {key: each for key, each in objects.items() if key != "03.png"}, **arguments)
    with pytest.raises(InputError, match=r"There is 1 training image with boxes \('00.png'\); a detector"):
        fit_detector(encoder(), train.subset(["00.png"]), objects, **arguments)
    with pytest.raises(InputError, match="A VisionTransformer gives maps of 1 size"):
        fit_detector(create_random_encoder("vit_tiny_16", image_size=32, seed=0), train, objects, **arguments)


def test_found_boxes_are_in_pixels_of_the_manifest(tmp_path) -> None:
    method, _, manifest, annotations = fit(tmp_path, settings=SETTINGS.model_copy(update={"steps": 1}), least_score=0.0)
    test = open_split(manifest, "test")
    seen = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "view": VIEW}
    found = find_objects(method, test, annotations.test, **seen)
    doubled = {
        key: type(each)(each.boxes, each.classes, 2 * each.width, 2 * each.height)
        for key, each in annotations.test.items()
    }
    for once, twice in zip(found, find_objects(method, test, doubled, **seen, batch_size=3), strict=True):
        assert len(once.boxes)
        assert once.boxes.max() <= 48
        torch.testing.assert_close(
            torch.from_numpy(2 * once.boxes), torch.from_numpy(twice.boxes), rtol=1e-4, atol=1e-3
        )
