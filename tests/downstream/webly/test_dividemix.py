"""DivideMix: targets, mixing and losses written out, and what the mixture divides."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from simcore.backbones import create_backbone
from simcore.downstream.webly import DivideMix, prior_penalty, refine
from simcore.downstream.webly.dividemix import negative_entropy, ramp
from simcore.downstream.webly.dividing import normalise_losses
from simcore.errors import InputError
from simcore.methods import Moment
from tests.downstream.webly.worlds import Flat, images

CLASSES = torch.tensor([0, 1, 2, 0, 1, 2])
POSITIONS = torch.tensor([3, 0, 5, 1, 2, 4])
WARM, AFTER = (Moment(step=step, total_steps=100, steps_per_epoch=5) for step in (3, 21))


def pair(**options: float) -> DivideMix:
    known = {"warmup_epochs": 2, "ramp_epochs": 4, **options}
    return DivideMix((Flat(0), Flat(1)), class_count=3, image_count=6, seed=0, **known)


def lot() -> list[torch.Tensor]:
    return [images(6, 0), images(6, 1), CLASSES, POSITIONS]


def test_refined_labels_go_from_the_guess_to_the_label() -> None:
    labels, guesses = torch.eye(2), torch.tensor([[0.4, 0.6], [0.4, 0.6]])
    found = refine(labels, guesses, torch.tensor([1.0, 0.25]), temperature=0.5)
    share = 0.25 * 0.0 + 0.75 * 0.4
    wanted = share**2 / (share**2 + (1 - share) ** 2)
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.0], [wanted, 1 - wanted]]))


def test_penalties() -> None:
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    mean = logits.softmax(dim=1).mean(dim=0).tolist()
    assert prior_penalty(logits).item() == pytest.approx(sum(0.25 * math.log(0.25 / each) for each in mean), rel=1e-4)
    rows = logits.softmax(dim=1).tolist()
    wanted = sum(each * math.log(each) for row in rows for each in row) / 5
    assert negative_entropy(logits).item() == pytest.approx(wanted, rel=1e-5)


def test_the_ramp_starts_where_the_warm_up_ends() -> None:
    assert [ramp(each, warmup_epochs=2, ramp_epochs=4) for each in (0, 2, 3, 6, 9)] == [0, 0, 0.25, 1, 1]
    method = pair(unlabelled_weight=75.0)
    for moment, weight in ((WARM, 0.0), (AFTER, 75.0 * 0.5)):
        method.before_step(moment)
        assert method.curves()["unlabelled_weight"] == pytest.approx(weight)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_the_warm_up_learns_all_labels(penalty: float) -> None:
    method = pair(confidence_penalty=penalty)
    method.before_step(WARM)
    wanted = 0.0
    for network in method.networks:
        logits = network.predict(images(6, 0))[1]
        wanted += (nn.functional.cross_entropy(logits, CLASSES) + penalty * negative_entropy(logits)).item()
    assert method(lot()).loss.item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "probabilities",
    [
        [[0.9, 0.1, 0.5, 0.05, 1.0, 0.3], [0.1, 0.9, 0.15, 0.6, 0.0, 0.25]],
        [[1.0] * 6, [0.0] * 6],
    ],
)
def test_a_step_written_out(seed: int, probabilities) -> None:
    method = pair(unlabelled_weight=40.0)
    method.clean_probability.copy_(torch.tensor(probabilities))
    method.before_step(AFTER)
    first, second, *_ = lot()
    torch.manual_seed(seed)
    found = method(lot()).loss
    found.backward()

    twin = pair(unlabelled_weight=40.0)
    torch.manual_seed(seed)
    with torch.no_grad():
        means = [(net.predict(first)[1].softmax(1) + net.predict(second)[1].softmax(1)) / 2 for net in twin.networks]
    total = torch.zeros(())
    for number, network in enumerate(twin.networks):
        targets, clean = [], []
        for place in range(6):
            # The other network says how clean the label of the image at this position is.
            w = probabilities[1 - number][int(POSITIONS[place])]
            clean.append(w > 0.2)
            guess = (means[0][place] + means[1][place]) / 2
            if clean[-1]:
                guess = (1 - w) * means[number][place]
                guess[CLASSES[place]] += w
            targets.append(guess**2 / (guess**2).sum())
        other = torch.randperm(12).tolist()
        share = torch.distributions.Beta(0.75, 0.75).sample((1,)).item()
        share = max(share, 1 - share)
        inputs = torch.cat([first, second])
        logits = network.predict(torch.stack([share * inputs[i] + (1 - share) * inputs[other[i]] for i in range(12)]))[
            1
        ]
        supervised, unsupervised = [], []
        for i in range(12):
            target = share * targets[i % 6] + (1 - share) * targets[other[i] % 6]
            if clean[i % 6]:
                supervised.append(-(target * logits[i].log_softmax(0)).sum())
            else:
                unsupervised.append(((logits[i].softmax(0) - target) ** 2).mean())
        total = total + prior_penalty(logits)
        total = total + (torch.stack(supervised).mean() if supervised else 0.0)
        # Two epochs into a ramp of four.
        total = total + 20.0 * (torch.stack(unsupervised).mean() if unsupervised else 0.0)
    total.backward()
    assert found.item() == pytest.approx(total.item(), rel=1e-5)
    for name, value in twin.named_parameters():
        torch.testing.assert_close(dict(method.named_parameters())[name].grad, value.grad, rtol=1e-4, atol=1e-6)


def test_running_statistics_are_those_of_images_as_they_are() -> None:
    backbones = tuple(create_backbone("resnet10_small", image_size=16, seed=seed) for seed in (0, 1))
    method = DivideMix(backbones, class_count=3, image_count=6, seed=0, warmup_epochs=1)
    twin = copy.deepcopy(method)
    method.before_step(AFTER)
    method(lot()).loss.backward()
    with torch.no_grad():
        for network in twin.pair:
            network.predict(torch.cat(lot()[:2]))
    moved = {name: value for name, value in twin.named_buffers() if "running" in name}
    assert moved
    for name, value in method.named_buffers():
        if name in moved:
            torch.testing.assert_close(value, moved[name])


@given(st.lists(st.floats(0, 50), min_size=1, max_size=20))
@settings(deadline=None)
def test_losses_reach_from_0_to_1(values) -> None:
    found = normalise_losses(np.array([values]))[0]
    assert ((found >= 0) & (found <= 1)).all()
    if max(values) - min(values) > 1e-6:
        assert found.min() == 0 and found.max() == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"warmup_epochs": 0}, "`warmup_epochs` is 0; it must be at least 1"),
        ({"clean_threshold": 1.0}, "`clean_threshold` is 1.0; it must be from 0 to below 1"),
        ({"temperature": 0.0}, "`temperature` is 0.0; it must be above 0"),
        ({"alpha": 0.0}, "`alpha` is 0.0; it must be above 0"),
        ({"unlabelled_weight": -1.0}, "`unlabelled_weight` is -1.0; it must be at least 0"),
    ],
)
def test_wrong_settings(options, sentence) -> None:
    with pytest.raises(InputError, match=sentence):
        pair(**options)
