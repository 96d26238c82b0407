"""Images that go along: batches of their own, exact after a kill, the same over workers, passes and processes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from simcore.backbones import IMAGENET_MEAN, IMAGENET_STD, normalise
from simcore.errors import InputError
from simcore.supervised import LabelledViews
from simcore.training import NonFiniteError, pretrain
from tests.training.companions import BESIDE, Companion, make_beside
from tests.training.groups import run_group
from tests.training.worlds import (
    KilledError,
    NoisyDeviceViews,
    NoisyViews,
    assert_same_state,
    make_settings,
    make_store,
)

SETTINGS = {"optimiser": "sgd", "learning_rate": 1e-3, "warmup_steps": 0, "log_every": 1}


def train(workdir, *, method=None, beside=None, views=None, seed=3, **changes):
    """Train `Companion`, breaking off at its call `at`."""
    at = changes.pop("at", None)
    method = method or Companion()
    if at is not None:
        forward, calls = method.forward, iter(range(1, 1000))

        def breaking(views):
            if next(calls) == at:
                raise KilledError
            return forward(views)

        method.forward = breaking
    return pretrain(
        method,
        make_store(),
        views=views or NoisyViews(),
        settings=make_settings(**{**SETTINGS, **changes}),
        seed=seed,
        workdir=workdir,
        beside=beside or make_beside(),
    )


def slow_training(steps):
    """The loop in plain PyTorch."""
    method, store, beside = Companion(), make_store(), make_beside()
    optimiser = torch.optim.SGD(method.parameters(), lr=1e-3, momentum=0.9, nesterov=True, weight_decay=1e-4)
    stream = make_settings(**SETTINGS).stream(len(store), seed=3)
    along = beside.source(seed=3, parts=1).stream

    def draw(store, views, positions, step):
        drawn = [views(store.compact(place), step=step, key=store.keys[place]) for place in positions]
        return normalise(torch.cat(list(map(torch.cat, zip(*[pair.split(1) for pair in drawn], strict=True)))),
                         mean=IMAGENET_MEAN, std=IMAGENET_STD).split(len(positions))  # fmt: skip

    for step in range(1, steps + 1):
        first, second = stream.batch(step), along.batch(step)
        pair = draw(store, NoisyViews(), first, step)
        other = draw(beside.store, NoisyViews(1), second, step)
        method([*pair, *other, torch.from_numpy(second)]).loss.backward()
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * (1 + np.cos(np.pi * step / steps)) / 2
        optimiser.step()
        optimiser.zero_grad()
    return method


def test_it_trains_as_a_loop_in_plain_pytorch(tmp_path):
    method = Companion()
    train(tmp_path, method=method)
    twin = slow_training(9)
    assert method.seen == twin.seen
    assert {(first, second) for first, second, _ in method.seen} == {(8, 6)}
    epoch = [place for _, _, places in method.seen[:5] for place in places]
    assert sorted(epoch) == list(range(BESIDE))
    torch.testing.assert_close(method.net.weight, twin.net.weight, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("at", [1, 2, 5, 9])
@pytest.mark.parametrize("seconds", [0, 1e9])
def test_a_run_broken_anywhere_ends_with_the_same_bits(tmp_path, at, seconds):
    whole = train(tmp_path / "whole")
    with pytest.raises(KilledError):
        train(tmp_path / "work", at=at, checkpoint_every_seconds=seconds)
    method = Companion()
    resumed = train(tmp_path / "work", method=method)
    assert_same_state(whole.state, resumed.state)
    assert whole.curves.equals(resumed.curves)
    assert len(method.seen) == 9 - (at - 1 if seconds == 0 else 0)


def test_workers_do_not_change_the_result(tmp_path):
    assert_same_state(train(tmp_path / "a").state, train(tmp_path / "b", workers=2).state)


def test_a_smaller_last_batch_has_whole_ones_beside_it(tmp_path):
    method = Companion()
    train(tmp_path, method=method, batch_size=10, drop_last=False, steps=3)
    assert [(first, second) for first, second, _ in method.seen] == [(10, 6), (10, 6), (4, 6)]


def test_passes_add_up(tmp_path):
    whole, parts = train(tmp_path / "whole").state, train(tmp_path / "parts", accumulate=2).state
    torch.testing.assert_close(whole["net.weight"], parts["net.weight"], rtol=1e-4, atol=1e-6)


def train_state(workdir):
    result = train(workdir)
    return {**result.state, "loss": torch.tensor(result.curves["loss"])}


def test_two_processes_train_what_one_trains(tmp_path):
    one = train_state(tmp_path / "one")
    first, second = run_group(train_state, tmp_path / "two")
    for name, value in one.items():
        assert np.array_equal(first[name], second[name])
        np.testing.assert_allclose(first[name], value, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(one["net.weight"], Companion().net.weight, atol=1e-3)


@pytest.mark.long
def test_launched_processes_take_them_along(tmp_path):
    one, two = train(tmp_path / "one"), train(tmp_path / "two", processes=2)
    torch.testing.assert_close(one.state["net.weight"], two.state["net.weight"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "beside", [make_beside(batch_size=5), make_beside(seed=2), make_beside(first=300)], ids=["size", "views", "images"]
)
def test_other_images_beside_are_another_run(tmp_path, caplog, beside):
    train(tmp_path, at=None, steps=2)
    with caplog.at_level("WARNING"):
        train(tmp_path, steps=2, beside=beside)
    assert "differs in beside" in caplog.text


@pytest.mark.parametrize(("batch_size", "changes"), [(31, {}), (1, {}), (7, {"accumulate": 2}), (2, {"accumulate": 2})])
def test_a_batch_that_cannot_be_made_is_refused(tmp_path, batch_size, changes):
    with pytest.raises(InputError, match=f"`beside` has 30 images and a `batch_size` of {batch_size}"):
        train(tmp_path, beside=make_beside(batch_size), **changes)


def test_views_on_the_device_are_refused(tmp_path):
    with pytest.raises(InputError, match="beside others have their views made by workers"):
        train(tmp_path, views_on="device", views=NoisyDeviceViews())


def test_views_that_hide_their_settings_are_refused(tmp_path):
    class Hidden:
        def __call__(self, image, *, step, key):
            raise NotImplementedError

    with pytest.raises(InputError, match="`views` of `beside` is a Hidden whose repr"):
        train(tmp_path, beside=replace(make_beside(), views=Hidden()))


class Poisoned(Companion):
    """Its loss is NaN at the third call, its features are finite."""

    def forward(self, views):
        output = super().forward(views)
        return output._replace(loss=output.loss * float("nan")) if len(self.seen) == 3 else output


def test_a_bad_loss_names_the_images_beside_too(tmp_path):
    method = Poisoned()
    with pytest.raises(NonFiniteError, match=r"at step 3 .* on 14 image\(s\)"):
        train(tmp_path, method=method)
    (record,) = tmp_path.glob("*/nonfinite.json")
    assert all(f"image-{200 + place}" in record.read_text() for place in method.seen[2][2])


def test_labels_that_go_along_are_part_of_the_run(tmp_path, caplog):
    train(tmp_path, steps=2)
    beside = make_beside()
    places = {**beside.views.classes, "image-200": 7}
    with caplog.at_level("WARNING"):
        train(tmp_path, steps=2, beside=replace(beside, views=LabelledViews(NoisyViews(1), places)))
    assert "differs in beside" in caplog.text
