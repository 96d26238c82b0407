"""One optimiser step: order of calls, schedules, passes, clipping."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from simcore.backbones import IMAGENET_MEAN, IMAGENET_STD, normalise
from simcore.errors import InputError
from simcore.images import DeviceViews, ImageStore, ViewSettings, read_source
from simcore.methods import Method, StepOutput
from simcore.training import pretrain
from simcore.training.batches import BatchStream
from simcore.training.stepping import part_seed
from tests.training.worlds import NoisyDeviceViews, NoisyViews, assert_same_state, make_settings


class Linear(Method):
    """No batch norm and a mean over images: passes add up exactly. Notes what it is asked."""

    name = "linear"

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Linear(3 * 16 * 16, 4)
        self.bias = nn.Parameter(torch.zeros(4))
        self.calls = []
        self.drawn = []

    @property
    def encoder(self):
        return self.net

    def forward(self, views):
        self.calls.append("forward")
        self.drawn.append(torch.rand(1).item())
        left, right = (self.net(view.flatten(1)) + self.bias for view in views)
        return StepOutput(((left - right.detach() - 1) ** 2).mean() + left.square().mean(), left.detach())

    def before_step(self, moment):
        self.calls.append(("before", moment.step, moment.epoch, moment.total_steps))

    def after_backward(self, moment):
        assert self.net.weight.grad is not None
        self.calls.append(("backward", moment.step))

    def after_step(self, moment):
        assert self.net.weight.grad is None
        self.calls.append(("after", moment.step))

    def curves(self):
        return {"momentum": len(self.calls) / 100}


def test_hooks_are_called_in_their_order(run):
    method = Linear()
    result = run(method, steps=2, warmup_steps=0, batch_size=12)
    assert method.calls == [
        ("before", 1, 1, 2),
        "forward",
        ("backward", 1),
        ("after", 1),
        ("before", 2, 1, 2),
        "forward",
        ("backward", 2),
        ("after", 2),
    ]
    assert list(result.curves) == ["step", "loss", "learning_rate", "feature_spread", "momentum"]
    assert result.curves["momentum"].tolist() == [0.08]


def slow_training(store, *, steps, passes=1, lr=1e-3, decay=None, clip=None, drop_last=True, batch_size=8):
    """The loop in plain PyTorch: SGD with momentum 0.9, no schedule but what is given."""
    method = Linear()
    optimiser = torch.optim.SGD(method.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=1e-4)
    stream = BatchStream(len(store), batch_size=batch_size, seed=3, drop_last=drop_last)
    views = NoisyViews()
    for step in range(1, steps + 1):
        batch = stream.batch(step)
        for part in batch.reshape(passes, -1):
            drawn = [views(store.compact(place), step=step, key=store.keys[place]) for place in part]
            both = [
                normalise(torch.stack(view), mean=IMAGENET_MEAN, std=IMAGENET_STD) for view in zip(*drawn, strict=True)
            ]
            (method(both).loss / passes).backward()
        if clip:
            nn.utils.clip_grad_norm_(method.parameters(), clip)
        for group in optimiser.param_groups:
            group["lr"] = lr * (1 + torch.cos(torch.tensor(torch.pi * step / steps)).item()) / 2
            if decay:
                group["weight_decay"] = decay(step / steps)
        optimiser.step()
        optimiser.zero_grad()
    return {name: value.detach() for name, value in method.state_dict().items()}


PLAIN = {"optimiser": "sgd", "learning_rate": 1e-3, "warmup_steps": 0, "steps": 6}


@pytest.mark.parametrize(
    ("changes", "slow"),
    [
        ({}, {}),
        ({"accumulate": 4}, {"passes": 4}),
        ({"accumulate": 2}, {"passes": 1}),
        ({"clip_gradient": 0.05}, {"clip": 0.05}),
        ({"clip_gradient": 0.05, "accumulate": 2}, {"clip": 0.05}),
        (
            {"weight_decay_end": 0.5},
            {"decay": lambda share: 0.5 + (1e-4 - 0.5) * (1 + torch.cos(torch.tensor(torch.pi * share)).item()) / 2},
        ),
        ({"batch_size": 10, "drop_last": False}, {"batch_size": 10, "drop_last": False}),
    ],
)
def test_steps_are_those_of_a_plain_loop(run, store, changes, slow):
    fast = run(Linear(), **PLAIN, **changes).state
    for name, value in slow_training(store, steps=6, **slow).items():
        torch.testing.assert_close(fast[name], value, rtol=1e-4, atol=1e-6)


def test_clipping_matters_here(run):
    free, held = run(Linear(), workdir="a", **PLAIN), run(Linear(), workdir="b", **PLAIN, clip_gradient=0.05)
    assert not torch.allclose(free.state["net.weight"], held.state["net.weight"], atol=1e-4)


def test_scheduled_weight_decay_spares_biases_and_is_logged(run):
    result = run(Linear(), weight_decay=0.04, weight_decay_end=0.4, steps=4, log_every=1)
    assert result.curves["weight_decay"].tolist() == pytest.approx([0.0927, 0.22, 0.3473, 0.4], abs=1e-4)


@pytest.mark.parametrize("passes", [1, 2])
def test_passes_resume_exactly(run, broken_run, passes):
    whole = run(workdir="whole", accumulate=passes)
    broken_run(3 * passes, accumulate=passes)
    assert_same_state(whole.state, run(accumulate=passes).state)


def test_each_pass_draws_its_own_numbers(run):
    method = Linear()
    run(method, steps=3, accumulate=2)
    assert len(set(method.drawn)) == 6
    torch.manual_seed(part_seed(3, step=2, part=1))
    assert torch.rand(1).item() == method.drawn[3]


def test_views_drawn_on_the_device_train_the_same(run):
    """The loader hands over the images themselves; the stand-in draws what the workers' views are."""
    workers = run(workdir="workers", workers=1)
    device = run(workdir="device", workers=1, views=NoisyDeviceViews(), views_on="device")
    assert_same_state(workers.state, device.state)


def test_cached_images_stay_on_the_device(make_method, tmp_path, monkeypatch):
    """A store with its pixels in memory is read there; without a cache, workers decode: the same training."""
    rng = np.random.default_rng(0)
    root = tmp_path / "images"
    root.mkdir()
    for number in range(12):
        height, width = rng.integers(16, 30, 2)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(root / f"{number}.png")
    manifest = read_source(root).manifest
    views = DeviceViews(((ViewSettings(image_size=16), 2),), seed=0)
    settings = make_settings(steps=4, batch_size=6, views_on="device", workers=1, accumulate=2)
    facts = {"views": views, "settings": settings, "seed": 0}
    decoded = pretrain(make_method(), ImageStore(manifest, cache_gib=0), workdir=tmp_path / "a", **facts)
    monkeypatch.setattr(ImageStore, "compact", None)
    cached = pretrain(make_method(), ImageStore(manifest), workdir=tmp_path / "b", **facts)
    assert_same_state(decoded.state, cached.state)


@pytest.mark.parametrize(("made", "said"), [("device", "workers"), ("workers", "device")])
def test_views_made_in_the_other_place_are_refused(run, made, said):
    views = NoisyDeviceViews() if made == "device" else NoisyViews()
    with pytest.raises(InputError, match=f"`views_on` is {said}, but `views` is a Noisy.* on the {made}"):
        run(views=views, views_on=said)


def test_a_schedule_per_epoch_is_a_stair(run):
    rates = run(schedule_per="epoch", steps=9, warmup_steps=0, log_every=1).curves["learning_rate"].tolist()
    assert rates == pytest.approx([7.5e-4] * 3 + [2.5e-4] * 3 + [0.0] * 3)


def test_an_epoch_with_a_smaller_last_batch(run):
    result = run(batch_size=10, drop_last=False, epochs=2, steps=None)
    assert result.steps == 6
