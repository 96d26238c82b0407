"""Through the loop that pretrains: what is divided, what is resumed, who is judged."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from simcore.backbones import create_random_encoder, normalise
from simcore.downstream.judging import Setting
from simcore.downstream.webly import (
    DivideMix,
    WeblyRecipe,
    WeblyTask,
    fit_mixture,
    fit_webly,
    judge_webly_method,
    split_images,
)
from simcore.downstream.webly.dividing import Divide
from simcore.errors import InputError
from simcore.evaluation import Sight
from simcore.images import eval_pixels
from tests.labelled_stores import make_stores

CLASSES = ("class0", "class1", "class2")
PLAIN = WeblyRecipe("supervised", 3, 8, learning_rate=0.03, weight_decay=1e-4)
CO_TEACHING = replace(PLAIN, method="co_teaching", options={"ramp_epochs": 2, "forget": 0.25})
DIVIDEMIX = replace(PLAIN, method="dividemix", epochs=4, options={"warmup_epochs": 1, "memory_epochs": 2})
RECIPES = (PLAIN, CO_TEACHING, DIVIDEMIX)


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
    return WeblyTask(encoder, train, CLASSES, sight, 0), test


# Of DivideMix, steps 4 and 7 are the first after a division; three steps make an epoch.
@pytest.mark.parametrize(("recipe", "kill_at"), [(CO_TEACHING, 5), (DIVIDEMIX, 4), (DIVIDEMIX, 8), (DIVIDEMIX, 10)])
def test_a_killed_run_goes_on_to_the_same_weights(worlds, tmp_path, recipe, kill_at) -> None:
    task, _ = worlds
    whole = fit_webly(task, recipe, workdir=tmp_path / "whole")
    with pytest.raises(KilledError):
        fit_webly(task, recipe, workdir=tmp_path / "killed", reporter=Killer(kill_at))
    resumed = fit_webly(task, recipe, workdir=tmp_path / "killed")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_losses_of_the_classifier_are_divided_and_remembered(worlds) -> None:
    task, _ = worlds
    method = DivideMix(task.backbones(), class_count=3, image_count=24, seed=0, warmup_epochs=1, memory_epochs=2)
    numbers = np.repeat([0, 1, 2], 8)
    divide = Divide(task.train, tuple(numbers.tolist()), task.encoder.card, 16, 1.0, first_step=3, steps_per_epoch=3)
    card = task.encoder.card
    pixels = normalise(eval_pixels(task.train, image_size=16), mean=card.mean, std=card.std)
    expected = []
    for step in (3, 6, 9):
        # Weights move between epochs.
        with torch.no_grad():
            for value in method.parameters():
                value.add_(0.01 * torch.randn(value.shape, generator=torch.Generator().manual_seed(step)))
        method.eval()
        with torch.no_grad():
            log = torch.stack([network.predict(pixels)[1].log_softmax(dim=1) for network in method.networks])
        losses = -log[:, torch.arange(24), torch.from_numpy(numbers)].double().numpy()
        low, high = losses.min(axis=1, keepdims=True), losses.max(axis=1, keepdims=True)
        expected.append((losses - low) / (high - low))
        found = divide(method, step)
        # Worked out again after a kill, it is the same.
        again = divide(method, step)
        assert all(torch.equal(found[name], again[name]) for name in found)
        slots = [expected[-1]] if len(expected) == 1 else expected[-2:][:: 1 if step == 6 else -1]
        np.testing.assert_allclose(found["history"][:, : len(slots)], np.stack(slots, axis=1), atol=1e-5)
        mean = np.mean(expected[-2:], axis=0)
        wanted = [fit_mixture(each).lower_probability(each) for each in mean]
        np.testing.assert_allclose(found["clean_probability"], wanted, atol=2e-3)
        for name, value in found.items():
            method.get_buffer(name).copy_(value)
    assert not np.allclose(wanted[0], wanted[1], atol=1e-3)


def test_an_untrained_encoder_gives_two_networks_that_differ(worlds) -> None:
    task, _ = worlds
    first, second = task.backbones()
    assert not torch.equal(next(first.parameters()), next(second.parameters()))
    trained = replace(task.encoder, card=replace(task.encoder.card, method="simclr"))
    first, second = replace(task, encoder=trained).backbones()
    assert torch.equal(next(first.parameters()), next(second.parameters())) and first is not second


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.method)
@pytest.mark.parametrize("protocol", ["clean", "published"])
def test_pairs_are_judged_singly_and_together(worlds, tmp_path, recipe, protocol) -> None:
    task, test = worlds
    setting = Setting(
        encoder=task.encoder,
        classes=CLASSES,
        sight=task.sight,
        protocol=protocol,
        evaluation="webly",
        suffix=" m 100 % of labels",
        metric="top1",
        seed=0,
    )
    outcomes, split = judge_webly_method(task, test, recipe, setting, workdir=tmp_path / "work")
    said = [outcome.protocol for outcome in outcomes]
    start = f"{protocol} m 100 % of labels"
    pairs = recipe.method != "supervised" and protocol == "clean"
    assert said == ([start, f"{start}, network 2", f"{start}, ensemble"] if pairs else [start])
    assert split["key"].tolist() == task.train.keys.tolist()
    assert split["clean"].isna().all() == (recipe.method == "supervised")
    if recipe.method == "co_teaching":
        # A quarter is forgotten: the images with the lowest scores.
        assert split["clean"].sum() == 18
        assert split.loc[split["clean"], "clean_score"].min() >= split.loc[~split["clean"], "clean_score"].max()


def test_the_split_of_dividemix_is_that_of_its_last_weights(worlds, tmp_path) -> None:
    task, _ = worlds
    method = fit_webly(task, DIVIDEMIX, workdir=tmp_path / "work")
    split = split_images(task, DIVIDEMIX, method)
    divide = Divide(task.train, tuple(np.repeat([0, 1, 2], 8).tolist()), task.encoder.card, 16, 1.0, 3, 3)
    wanted = divide(method, 12)["clean_probability"].double().mean(dim=0).numpy()
    np.testing.assert_allclose(split["clean_score"], wanted)
    assert split["clean"].tolist() == (wanted > 0.2).tolist()


def test_another_method_is_another_run(worlds, tmp_path, caplog) -> None:
    task, _ = worlds
    with pytest.raises(KilledError):
        fit_webly(task, CO_TEACHING, workdir=tmp_path / "work", reporter=Killer(5))
    found = fit_webly(task, PLAIN, workdir=tmp_path / "work").state_dict()
    assert "initial_weights, method" in caplog.text and "it is not resumed" in caplog.text
    straight = fit_webly(task, PLAIN, workdir=tmp_path / "straight").state_dict()
    assert all(torch.equal(value, found[name]) for name, value in straight.items())


def test_wrong_recipes(worlds, tmp_path) -> None:
    task, _ = worlds
    for recipe, sentence in (
        (replace(PLAIN, method="decoupling"), "There is no method 'decoupling'; choose one of supervised, co_teaching"),
        (replace(DIVIDEMIX, epochs=1), "`warmup_epochs` is 1 of 1 epochs"),
    ):
        with pytest.raises(InputError, match=sentence):
            fit_webly(task, recipe, workdir=tmp_path)
    with pytest.raises(InputError, match=r"There are the classes \['class0'\]"):
        replace(task, classes=("class0",))


def test_labels_that_are_learnt_are_those_of_the_store(worlds, tmp_path) -> None:
    task, _ = worlds
    split = split_images(task, PLAIN, fit_webly(task, PLAIN, workdir=tmp_path / "work"))
    assert isinstance(split["clean"].dtype, pd.BooleanDtype)
    assert split["label"].tolist() == task.train.labels.tolist()
