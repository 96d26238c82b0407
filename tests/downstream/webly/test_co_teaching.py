"""Co-teaching: the ramp, the choice, and that it is exchanged."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from simcore.downstream.webly import CoTeaching, forget_rate, smallest
from simcore.errors import InputError
from simcore.methods import Moment
from tests.downstream.webly.worlds import Flat, images

CLASSES = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])


def pair(**options: float) -> CoTeaching:
    return CoTeaching((Flat(0), Flat(1)), class_count=3, seed=0, **options)


def test_the_ramp() -> None:
    rates = [forget_rate(epoch, peak=0.2, ramp_epochs=10) for epoch in range(1, 13)]
    assert rates == pytest.approx([0.2 * epoch / 9 for epoch in range(10)] + [0.2, 0.2])
    assert forget_rate(1, peak=0.3, ramp_epochs=1) == 0.3
    assert forget_rate(10, peak=0.5, ramp_epochs=10, exponent=2) == pytest.approx(0.25)


@given(st.lists(st.floats(0, 9, width=32), min_size=1, max_size=30), st.sampled_from([0.0, 0.1, 0.2, 0.4, 0.7, 0.95]))
@settings(deadline=None)
def test_the_smallest_are_chosen(losses, forget) -> None:
    places = smallest(torch.tensor(losses), forget=forget).tolist()
    exact = len(losses) - len(losses) * round(100 * forget) / 100
    assert len(places) == max(1, int(exact + 1e-9)) and len(set(places)) == len(places)
    left = [loss for place, loss in enumerate(losses) if place not in places]
    assert not left or max(losses[place] for place in places) <= min(left)


@pytest.mark.parametrize("forget", [0.0, 0.2, 0.4])
def test_each_network_learns_what_the_other_finds_easy(forget: float) -> None:
    method = pair(forget=forget, ramp_epochs=1)
    method.before_step(Moment(step=1, total_steps=10, steps_per_epoch=5))
    pixels = images(10, 0)
    method([pixels, CLASSES]).loss.backward()
    twins = pair(forget=forget, ramp_epochs=1)
    losses = [nn.functional.cross_entropy(net.predict(pixels)[1], CLASSES, reduction="none") for net in twins.networks]
    kept = 10 - round(10 * forget)
    choices = [sorted(range(10), key=lambda place, own=own: own[place].item())[:kept] for own in losses]
    for number, own in enumerate(losses):
        own[choices[1 - number]].mean().backward()
    for name, value in twins.named_parameters():
        torch.testing.assert_close(dict(method.named_parameters())[name].grad, value.grad)
    if forget:
        assert choices[0] != choices[1]


def test_the_epoch_decides() -> None:
    method = pair(forget=0.4, ramp_epochs=5)
    found = []
    for step in (1, 5, 6, 21, 26, 50):
        method.before_step(Moment(step=step, total_steps=50, steps_per_epoch=5))
        found.append(method.curves()["forget_rate"])
    assert found == pytest.approx([0.0, 0.0, 0.1, 0.4, 0.4, 0.4])


def test_the_ensemble_is_the_mean_probability() -> None:
    method = pair()
    first, second, both = method.logits(images(10, 0)).softmax(dim=-1)
    torch.testing.assert_close(both, (first + second) / 2)
    assert not torch.allclose(first, second)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: pair(forget=1.0), "`forget` is 1.0; it must be from 0 to below 1"),
        (lambda: pair(ramp_epochs=0), "`ramp_epochs` is 0; it must be at least 1"),
        (lambda: CoTeaching((backbone := Flat(0), backbone), class_count=3, seed=0), "two different modules"),
        (lambda: CoTeaching((Flat(0), Flat(1)), class_count=1, seed=0), "at least 2 classes"),
        (lambda: pair()([images(4, 0)]), r"takes 1 \+ 1 views"),
    ],
)
def test_wrong_settings(build, sentence) -> None:
    with pytest.raises(InputError, match=sentence):
        build()
