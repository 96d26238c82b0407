"""Through the loop that pretrains: pseudo-inliers are chosen in time, a killed run goes on, test images are judged."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from simcore.backbones import create_random_encoder, normalise
from simcore.downstream.judging import Setting
from simcore.downstream.openset_semi_supervised import (
    ChooseInliers,
    OpenMatchRecipe,
    OpensetTask,
    Schedule,
    SelfTrainingRecipe,
    fit_openmatch,
    fit_self_training,
    judge_openset_method,
    outlier_table,
)
from simcore.downstream.openset_semi_supervised.outliers import CENTRE_RATIO
from simcore.errors import InputError
from simcore.evaluation import Sight
from simcore.images import eval_pixels
from tests.labelled_stores import make_stores

CLASSES = ("class0", "class1", "class2")
SCHEDULE = Schedule(3, 2, 6, 1.5, learning_rate=0.03, weight_decay=1e-4)
OPENMATCH = OpenMatchRecipe(SCHEDULE, fix_after_epochs=1)
SELF_TRAINING = SelfTrainingRecipe(SCHEDULE, teacher_epochs=2, teacher_batch_size=6)


class KilledError(Exception):
    """What a killed run is here."""


class Killer:
    """Ends a run at a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def log(self, metrics, *, step: int) -> None:
        if step == self.step:
            raise KilledError


@pytest.fixture
def worlds(tmp_path):
    train, test = make_stores(tmp_path, classes=3, train=8, test=4)
    encoder = create_random_encoder("resnet10_small", image_size=16, seed=0)
    sight = Sight(image_size=16, machine={"workers": 0, "log_every": 1, "checkpoint_every_seconds": 0})
    return OpensetTask(encoder, train.subset(train.keys[::2]), train.subset(train.keys[1::2]), CLASSES, sight, 0), test


def test_pseudo_inliers_are_chosen_by_the_centre_view_after_the_epochs_asked_for(worlds, tmp_path) -> None:
    task, _ = worlds
    assert OPENMATCH.refresh_steps() == (2, 4)
    shares = []

    class Curves:
        def log(self, metrics, *, step: int) -> None:
            shares.append((step, metrics["inlier_share"]))

    method = fit_openmatch(task, OPENMATCH, workdir=tmp_path / "work", reporter=Curves())
    assert [share for step, share in shares if step <= 2] == [0.0, 0.0]
    # The method's own words about what it learnt from lie in its buffers, by position.
    card = task.encoder.card
    pixels = eval_pixels(task.unlabelled, image_size=16, resize_ratio=CENTRE_RATIO)
    method.eval()
    with torch.no_grad():
        named, scores = method.score(normalise(pixels, mean=card.mean, std=card.std))
    chosen = ChooseInliers(task.unlabelled, card, 16)(method, 0)
    torch.testing.assert_close(chosen["outlier_score"], scores)
    assert torch.equal(chosen["inlier"], scores < 0.5)
    table = outlier_table(method, task.unlabelled, classes=CLASSES, card=card, image_size=16)
    assert table["key"].tolist() == task.unlabelled.keys.tolist()
    assert table["named"].tolist() == [CLASSES[number] for number in named]
    np.testing.assert_allclose(table["outlier_score"], scores)


@pytest.mark.parametrize("kill_at", [2, 3, 5])
def test_a_killed_run_goes_on_to_the_same_weights(worlds, tmp_path, kill_at: int) -> None:
    task, _ = worlds
    whole = fit_openmatch(task, OPENMATCH, workdir=tmp_path / "whole")
    with pytest.raises(KilledError):
        fit_openmatch(task, OPENMATCH, workdir=tmp_path / "killed", reporter=Killer(kill_at))
    resumed = fit_openmatch(task, OPENMATCH, workdir=tmp_path / "killed")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_another_method_is_another_run(worlds, tmp_path, caplog) -> None:
    task, _ = worlds
    with pytest.raises(KilledError):
        fit_self_training(task, SELF_TRAINING, workdir=tmp_path / "work", reporter=Killer(3))
    found = fit_openmatch(task, OPENMATCH, workdir=tmp_path / "work").state_dict()
    assert "initial_weights, method" in caplog.text and "it is not resumed" in caplog.text
    straight = fit_openmatch(task, OPENMATCH, workdir=tmp_path / "straight").state_dict()
    assert all(torch.equal(value, found[name]) for name, value in straight.items())


@pytest.mark.parametrize("protocol", ["clean", "published"])
@pytest.mark.parametrize("recipe", [SELF_TRAINING, OPENMATCH])
def test_both_protocols_judge_the_test_images(worlds, tmp_path, protocol, recipe) -> None:
    task, test = worlds
    setting = Setting(
        encoder=task.encoder,
        classes=CLASSES,
        sight=task.sight,
        protocol=protocol,
        evaluation="openset_semi_supervised",
        suffix=" m 50 % of labels",
        metric="top1",
        seed=0,
    )
    before = task.encoder.fingerprint
    (outcome,), outliers = judge_openset_method(task, test, recipe, setting, workdir=tmp_path / "work")
    assert outcome.protocol == f"{protocol} m 50 % of labels" and len(outcome.true) == 12
    assert (outliers is None) == (recipe is SELF_TRAINING)
    assert task.encoder.fingerprint == before
    again, _ = judge_openset_method(task, test, recipe, setting, workdir=tmp_path / "work")
    np.testing.assert_array_equal(outcome.ranked, again[0].ranked)


def test_a_batch_holds_no_image_twice_where_there_are_few() -> None:
    assert SCHEDULE.beside_size(100, 1000) == 9
    assert SCHEDULE.beside_size(4, 1000) == 6
    assert SCHEDULE.beside_size(100, 5) == 5
    assert replace(SCHEDULE, unlabelled_ratio=0.1).beside_size(100, 50) == 2


def test_too_little_to_learn_from(worlds) -> None:
    task, _ = worlds
    with pytest.raises(InputError, match="There are 0 unlabelled images"):
        replace(task, unlabelled=task.unlabelled.subset([]))
    with pytest.raises(InputError, match=r"There are the classes \['class0'\]"):
        replace(task, classes=("class0",))
