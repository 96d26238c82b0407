"""Losses of the four methods against twins that go image by image."""

import pytest
import torch

from simcore.errors import InputError
from simcore.methods import Moment
from simcore.supervised import Classifier
from tests.downstream.semi_supervised.test_parts import slow_status
from tests.downstream.semi_supervised.worlds import (
    CLASSES,
    SHARES,
    UNLABELLED,
    cross_entropy,
    make_method,
    make_views,
    one_hot,
)

METHODS = ("supervised", "mixmatch", "remixmatch", "fixmatch", "flexmatch")
MIXING = ("mixmatch", "remixmatch")


def logits_of(method, image):
    """The logits of one image, which no batch norm ties to others."""
    return method.logits(image[None])[0, 0]


def power(row, temperature):
    powers = row ** (1 / temperature)
    return powers / powers.sum()


def drawn_again(count, beta):
    """What a method drew after the same seed: partners, then shares."""
    torch.manual_seed(7)
    partners = torch.randperm(count)
    shares = torch.distributions.Beta(beta, beta).sample((count,))
    return partners.tolist(), torch.maximum(shares, 1 - shares).tolist()


def mixed_by_hand(images, targets, beta):
    partners, shares = drawn_again(len(images), beta)
    pairs = list(zip(partners, shares, strict=True))
    mixed = [kept * images[place] + (1 - kept) * images[other] for place, (other, kept) in enumerate(pairs)]
    soft = [kept * targets[place] + (1 - kept) * targets[other] for place, (other, kept) in enumerate(pairs)]
    return mixed, soft


def test_mixmatch_is_its_algorithm_image_by_image():
    method = make_method("mixmatch", temperature=0.4, beta=0.6, weight=50.0)
    labelled, classes, first, second, _ = views = make_views(method)
    torch.manual_seed(7)
    output = method(views)
    guessed = [
        power((logits_of(method, a).softmax(0) + logits_of(method, b).softmax(0)) / 2, 0.4).detach()
        for a, b in zip(first, second, strict=True)
    ]
    images = [*labelled, *first, *second]
    targets = [*(one_hot(number) for number in classes.tolist()), *guessed, *guessed]
    mixed, soft = mixed_by_hand(images, targets, 0.6)
    supervised = sum(cross_entropy(soft[i], logits_of(method, mixed[i])) for i in range(4)) / 4
    squares = sum(((soft[i] - logits_of(method, mixed[i]).softmax(0)) ** 2).sum() for i in range(4, 12))
    expected = supervised + 50 * 0.25 * squares / (8 * CLASSES)
    torch.testing.assert_close(output.loss, expected)
    torch.testing.assert_close(output.features[0], method.features(mixed[0][None])[0])
    assert method.curves()["loss_labelled"] == pytest.approx(supervised.item(), rel=1e-5)


def test_remixmatch_is_its_algorithm_image_by_image():
    method = make_method("remixmatch", temperature=0.4, beta=0.6, momentum=0.9, weight=2.0, strong_weight=3.0)
    running = None
    for seed in (0, 1, 2):
        views = make_views(method, seed=seed)
        labelled, classes, weak, strong, other, _ = views
        torch.manual_seed(7)
        loss = method(views).loss
        plain = [logits_of(method, image).softmax(0).detach() for image in weak]
        mean = sum(plain) / len(plain)
        running = mean if running is None else 0.9 * running + 0.1 * mean
        guessed = []
        for row in plain:
            scaled = row * (torch.tensor(SHARES) + 1e-6) / (running + 1e-6)
            guessed.append(power(scaled / scaled.sum(), 0.4))
        images = [*labelled, *strong, *other, *weak]
        targets = [*(one_hot(number) for number in classes.tolist()), *guessed, *guessed, *guessed]
        mixed, soft = mixed_by_hand(images, targets, 0.6)
        each = [cross_entropy(soft[i], logits_of(method, mixed[i])) for i in range(16)]
        unmixed = sum(cross_entropy(guessed[i], logits_of(method, strong[i])) for i in range(4)) / 4
        expected = sum(each[:4]) / 4 + 0.25 * (2 * sum(each[4:]) / 12 + 3 * unmixed)
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(method.found, running)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("threshold", [0.0, 0.7, 0.999999])
def test_fixmatch_is_its_equations_image_by_image(hard, threshold):
    method = make_method("fixmatch", threshold=threshold, temperature=0.4, weight=2.0, hard=hard)
    labelled, classes, weak, strong, _ = views = make_views(method, n=6)
    total, certain = torch.zeros(()), 0
    for image, other in zip(weak, strong, strict=True):
        guess = logits_of(method, image).softmax(0).detach()
        if guess.max() >= threshold:
            certain += 1
            target = one_hot(int(guess.argmax())) if hard else power(guess, 0.4)
            total = total + cross_entropy(target, logits_of(method, other))
    supervised = sum(
        cross_entropy(one_hot(c), logits_of(method, x)) for x, c in zip(labelled, classes.tolist(), strict=True)
    )
    torch.testing.assert_close(method(views).loss, supervised / 6 + 2 * total / 6)
    assert method.curves()["certain"] == pytest.approx(certain / 6)
    # The thresholds of this test separate: none, some, all.
    assert certain == {0.0: 6, 0.999999: 0}.get(threshold, certain)
    if threshold == 0.7:
        assert 0 < certain < 6


def test_flexmatch_follows_a_counter_over_steps():
    method = make_method("flexmatch", threshold=0.85)
    with torch.no_grad():
        method.weights[0].mul_(2)
    chosen = [-1] * UNLABELLED
    shares = []
    for seed in range(20):
        labelled, classes, weak, strong, positions = views = make_views(method, n=5, seed=seed)
        status = slow_status(chosen, CLASSES)
        total, counted = torch.zeros(()), 0
        for place, image, other in zip(positions.tolist(), weak, strong, strict=True):
            guess = logits_of(method, image).softmax(0).detach()
            named = int(guess.argmax())
            if guess.max() >= 0.85 * status[named] / (2 - status[named]):
                counted += 1
                total = total + cross_entropy(one_hot(named), logits_of(method, other))
            if guess.max() >= 0.85:
                chosen[place] = named
        supervised = [
            cross_entropy(one_hot(c), logits_of(method, x)) for x, c in zip(labelled, classes.tolist(), strict=True)
        ]
        torch.testing.assert_close(method(views).loss, sum(supervised) / 5 + total / 5)
        assert method.chosen.tolist() == chosen
        shares.append(counted / 5)
    assert shares[0] == 1  # nothing is learnt: every threshold is 0
    assert min(shares) < 1


def test_supervised_is_a_classifier():
    method = make_method("supervised")
    images, classes, *_ = make_views(make_method("fixmatch"))
    twin = Classifier(method.backbone, class_count=CLASSES, seed=0)
    twin.load_state_dict(method.state_dict())
    torch.testing.assert_close(method([images, classes]).loss, twin([images, classes]).loss)


@pytest.mark.parametrize("name", MIXING)
def test_the_weight_of_unlabelled_images_rises_linearly(name):
    losses = []
    for step in (1, 50, 100):
        method = make_method(name, step=step)
        torch.manual_seed(7)
        losses.append(method(make_views(method)).loss.item())
    assert losses[1] - losses[0] == pytest.approx((losses[2] - losses[0]) * 49 / 99, rel=1e-4)
    assert losses[2] > losses[0]


@pytest.mark.parametrize("name", MIXING)
def test_one_pass_alone_moves_the_statistics_and_each_is_a_mix(name):
    method = make_method(name, norm=True)
    seen = []
    method.backbone.norm.register_forward_hook(
        lambda module, given, _: seen.append((module.momentum, given[0].detach()))
    )
    method(make_views(method))
    moving = [rows for momentum, rows in seen if momentum]
    assert len(moving) == 1
    assert len(seen) == {"mixmatch": 2 + 3, "remixmatch": 1 + 4 + 1}[name]
    torch.testing.assert_close(method.backbone.norm.running_mean, 0.1 * moving[0].mean(dim=0))


def test_fixmatch_normalises_all_views_as_one_batch():
    method = make_method("fixmatch", norm=True)
    seen = []
    method.backbone.norm.register_forward_hook(lambda module, given, _: seen.append(len(given[0])))
    method(make_views(method, n=4))
    assert seen == [12]


@pytest.mark.parametrize("name", ["fixmatch", "flexmatch"])
def test_only_the_strong_view_of_an_unlabelled_image_learns(name):
    method = make_method(name, threshold=0.0)
    views = make_views(method)
    for view in views[2:4]:
        view.requires_grad_()
    method(views).loss.backward()
    assert views[2].grad.abs().max() == 0
    assert views[3].grad.abs().max() > 0


@pytest.mark.parametrize("name", MIXING)
def test_guesses_are_made_without_gradient(name):
    method = make_method(name)
    assert not method.guess(make_views(method)[2]).requires_grad


@pytest.mark.parametrize("name", METHODS)
def test_all_parameters_learn(name):
    method = make_method(name, norm=True, **({"threshold": 0.0} if name in ("fixmatch", "flexmatch") else {}))
    method(make_views(method)).loss.backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in method.parameters())


@pytest.mark.parametrize("name", METHODS)
def test_another_number_of_views_is_refused(name):
    method = make_method(name)
    with pytest.raises(InputError, match=f"Method `{name}` takes"):
        method([torch.zeros(2, 3, 4, 4)] * 9)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("fixmatch", {"threshold": 1.5}, "`threshold` is 1.5"),
        ("mixmatch", {"temperature": 0}, "`temperature` is 0"),
        ("mixmatch", {"beta": 0}, "`beta` is 0"),
        ("remixmatch", {"momentum": 1.1}, "`momentum` is 1.1"),
        ("flexmatch", {"weight": -1}, "`weight` is -1"),
        (
            "fixmatch",
            {"beta": 0.5},
            "Method `fixmatch` has no setting `beta`; it takes hard, temperature, threshold, weight",
        ),
        ("supervised", {"beta": 0.5}, "Method `supervised` has no setting `beta`; it takes none"),
        ("pseudo", {}, "Unknown semi-supervised method `pseudo`; choose from supervised, mixmatch"),
    ],
)
def test_wrong_settings(name, settings, message):
    with pytest.raises(InputError, match=message):
        make_method(name, **settings)


def test_settings_are_part_of_what_a_run_is_known_by():
    one, other = make_method("mixmatch"), make_method("mixmatch", beta=0.5)
    assert one.hyper_parameters != other.hyper_parameters
    assert one.hyper_parameters["unlabelled_count"] == UNLABELLED


def test_the_running_mean_of_guesses_is_kept_in_the_state():
    method = make_method("remixmatch")
    method(make_views(method))
    fresh = make_method("remixmatch")
    fresh.load_state_dict(method.state_dict())
    assert fresh.started
    for each in (method, fresh):
        each.before_step(Moment(step=26, total_steps=100, steps_per_epoch=10))
        torch.manual_seed(7)
        each(make_views(each, seed=1))
    torch.testing.assert_close(method.found, fresh.found)
