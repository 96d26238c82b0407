"""Repeated sampling: other images from a step on, exact after a kill before, during and after."""

import json

import pytest
import torch

from simcore.errors import ArtefactError, InputError
from simcore.training import Renewal
from tests.training.worlds import ArrayStore, KilledError, assert_same_state, make_store


class Sampler:
    """Picks images by the weights of the moment, as repeated sampling does."""

    def __init__(self, *, breaks=False, n=24):
        self.pool = make_store(60, first=100)
        self.breaks = breaks
        self.n = n
        self.calls = []
        self.restored = []

    def renew(self, method, number):
        if self.breaks:
            raise KilledError
        assert not any(part.training for part in method.modules())
        assert not torch.is_grad_enabled()
        torch.rand(7)  # disturbs the global generator, if that is not shielded
        self.calls.append(number)
        with torch.enable_grad():
            method.encoder(torch.rand(4, 3, 16, 16))
        weights = next(iter(method.state_dict().values())).flatten()
        order = torch.randperm(60, generator=torch.Generator().manual_seed(int(weights.sum() * 1e4)))
        return self.take(order[: self.n].numpy())

    def take(self, rows):
        return ArrayStore(self.pool.pixels[rows], self.pool.keys[rows])

    def restore(self, keys):
        self.restored.append(len(keys))
        rows = {key: row for row, key in enumerate(self.pool.keys)}
        return self.take([rows[key] for key in keys])

    def at(self, *steps):
        return Renewal(steps, renew=self.renew, restore=self.restore)


def test_images_change_and_everything_else_goes_on(run, tmp_path):
    sampler = Sampler()
    renewed, plain = run(renewal=sampler.at(4, 7), log_every=1), run(workdir="plain", log_every=1)
    assert sampler.calls == [1, 2]
    assert sampler.restored == []
    assert renewed.curves["loss"][:4].tolist() == plain.curves["loss"][:4].tolist()
    assert (renewed.curves["loss"][4:] != plain.curves["loss"][4:]).all()
    assert renewed.curves["learning_rate"].equals(plain.curves["learning_rate"])
    keys = [json.loads(path.read_text())["keys"] for path in sorted(tmp_path.glob("work/*/renewal-*.json"))]
    assert len(keys) == 2
    assert keys[0] != keys[1]
    assert set(keys[0]) <= set(sampler.pool.keys)


@pytest.mark.parametrize("at", [4, 5, 6, 8])
@pytest.mark.parametrize("seconds", [0, 1e9])
def test_a_kill_before_or_after_a_renewal_changes_nothing(run, broken_run, at, seconds):
    """With and without a checkpoint at every step; the renewals follow steps 4 and 7."""
    whole = run(workdir="whole", renewal=Sampler().at(4, 7))
    broken_run(at, renewal=Sampler().at(4, 7), checkpoint_every_seconds=seconds)
    resumed = run(renewal=Sampler().at(4, 7))
    assert_same_state(whole.state, resumed.state)
    assert whole.curves.equals(resumed.curves)


def test_a_kill_during_a_renewal_changes_nothing_and_repeats_no_step(run, make_method, monkeypatch):
    whole = run(workdir="whole", renewal=Sampler().at(4, 7))
    with pytest.raises(KilledError):
        run(renewal=Sampler(breaks=True).at(4, 7), checkpoint_every_seconds=1e9)
    method, steps = make_method(), []
    monkeypatch.setattr(method, "before_step", lambda moment: steps.append(moment.step))
    assert_same_state(whole.state, run(method, renewal=Sampler().at(4, 7)).state)
    assert steps == [5, 6, 7, 8, 9]


def test_a_resumed_run_restores_instead_of_choosing_again(run, broken_run):
    broken_run(7, renewal=Sampler().at(4))
    sampler = Sampler()
    run(renewal=sampler.at(4))
    assert sampler.calls == []
    assert sampler.restored == [24]


def test_lost_keys_are_told(run, broken_run, tmp_path):
    broken_run(7, renewal=Sampler().at(4))
    (kept,) = tmp_path.glob("work/*/renewal-01.json")
    kept.unlink()
    with pytest.raises(ArtefactError, match="not known any more"):
        run(renewal=Sampler().at(4))


def test_another_number_of_images_is_refused(run):
    with pytest.raises(InputError, match="Renewal 1 gave 20 images in place of 24"):
        run(renewal=Sampler(n=20).at(4))


def test_restoring_other_images_is_refused(run, broken_run):
    broken_run(7, renewal=Sampler().at(4))
    sampler = Sampler()
    wrong = Renewal((4,), renew=sampler.renew, restore=lambda keys: sampler.restore(keys[::-1]))
    with pytest.raises(InputError, match="not the 24 asked for"):
        run(renewal=wrong)


@pytest.mark.parametrize("steps", [(0,), (9,), (5, 4), (4, 4)])
def test_renewals_lie_inside_the_run_and_rise(run, steps):
    with pytest.raises(InputError, match="must rise and lie between 1 and 8"):
        run(renewal=Sampler().at(*steps))


def test_a_run_with_renewals_is_another_run(run, caplog):
    run(renewal=Sampler().at(4))
    with caplog.at_level("WARNING"):
        run(renewal=Sampler().at(5))
    assert "differs in renewals" in caplog.text
