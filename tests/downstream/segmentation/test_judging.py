"""Choosing the learning rate: on held-out training images, or on the test images as published."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from simcore.backbones import create_random_encoder
from simcore.downstream.segmentation import (
    CropSettings,
    SegmentationRecipe,
    fit_segmenter,
    judging,
    masked_part,
    mean_iou,
    read_masks,
    train_and_segment,
)
from simcore.errors import InputError
from simcore.images import ImageStore
from simcore.training import NonFiniteError
from tests.downstream.segmentation.worlds import make_manifest

MACHINE = {"workers": 0, "device": "cpu", "threads": 1}
RECIPE = SegmentationRecipe(
    crop=CropSettings(image_size=32, base_ratio=1.0, scale=(1.0, 1.0)),
    epochs=3,
    batch_size=4,
    learning_rates=(0.02, 0.0001),
)


@pytest.fixture
def world(tmp_path):
    manifest = make_manifest(tmp_path / "images", train=8, test=3, coding="probability")
    parts = [masked_part(manifest, split) for split in ("train", "test")]
    masks = read_masks(manifest)
    return ImageStore(parts[0]), ImageStore(parts[1]), masks


def segment(world, folder, *, protocol, recipe=RECIPE, shown=()):
    return train_and_segment(
        create_random_encoder("resnet10_small", image_size=32, seed=0),
        *world,
        recipe=recipe,
        protocol=protocol,
        seed=0,
        workdir=folder,
        machine=MACHINE,
        shown=shown,
    )


def test_clean_never_looks_at_test_before_the_end(tmp_path, world, monkeypatch) -> None:
    train, test, _ = world
    looks = []
    measure = judging.measure_segmenter

    def watched(network, store, masks, **arguments):
        looks.append(sorted(map(str, store.keys)))
        return measure(network, store, masks, **arguments)

    monkeypatch.setattr(judging, "measure_segmenter", watched)
    outcome = segment(world, tmp_path / "work", protocol="clean", shown=["test-09.png"])
    assert looks[-1] == sorted(map(str, test.keys))
    assert looks[0] == looks[1]
    assert len(looks) == 3
    assert len(looks[0]) == 2  # a fifth of 8, rounded up
    assert set(looks[0]) < set(map(str, train.keys))
    assert outcome.choices["learning_rate"] == 0.02
    assert outcome.n == 3
    assert outcome.confusion.sum() == 3 * 32 * 32
    assert outcome.keys == ("test-09.png",)
    assert outcome.predicted.shape == (1, 32, 32)


def test_published_is_the_best_look_at_test(tmp_path, world, monkeypatch) -> None:
    seen = []
    measure = judging.measure_segmenter

    def watched(*arguments, **named):
        confusion, predicted = measure(*arguments, **named)
        seen.append(mean_iou(confusion))
        return confusion, predicted

    monkeypatch.setattr(judging, "measure_segmenter", watched)
    outcome = segment(world, tmp_path / "work", protocol="published")
    assert len(seen) == 2 * RECIPE.epochs
    values = {record["metric"]: record["value"] for record in outcome.records()}
    assert values["miou"] == max(seen)
    assert {record["protocol"] for record in outcome.records()} == {"published"}

    # Finished trainings are not done again, and what was seen is not lost.
    again = segment(world, tmp_path / "work", protocol="published")
    assert len(seen) == 2 * RECIPE.epochs
    assert np.array_equal(again.confusion, outcome.confusion)

    # What another recipe saw in the same folder is not taken for this one's.
    short = replace(RECIPE, epochs=1, learning_rates=(0.0001,))
    other = segment(world, tmp_path / "work", protocol="published", recipe=short)
    values = {record["metric"]: record["value"] for record in other.records()}
    assert values["miou"] == seen[-1]
    assert len(seen) == 2 * RECIPE.epochs + 1


@pytest.mark.parametrize("protocol", ["clean", "published"])
def test_a_rate_that_diverges_is_left_behind(tmp_path, world, monkeypatch, caplog, protocol) -> None:
    fit = fit_segmenter

    def failing(*arguments, rate, **named):
        if rate == 0.02:
            raise NonFiniteError("the loss is nan")
        return fit(*arguments, rate=rate, **named)

    monkeypatch.setattr(judging, "fit_segmenter", failing)
    caplog.set_level(logging.WARNING)
    outcome = segment(world, tmp_path / "work", protocol=protocol)
    assert outcome.choices["learning_rate"] == 0.0001
    assert "Learning rate 0.02 is left behind: the loss is nan" in caplog.text


def test_wrong_input(tmp_path, world) -> None:
    with pytest.raises(InputError, match="`protocol` is 'best'; allowed are clean, published"):
        segment(world, tmp_path, protocol="best")
    train, test, masks = world
    with pytest.raises(InputError, match=r"There are 2 training images with masks, from 'train-00.png' on"):
        segment((train.subset(train.keys[:2]), test, masks), tmp_path, protocol="clean")
