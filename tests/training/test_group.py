"""Several processes against one: weights, resume, renewal, bad losses."""

import numpy as np
import pytest
import torch
from lightly.utils import dist
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from simcore.backbones import IMAGENET_MEAN, IMAGENET_STD, normalise
from simcore.errors import InputError
from simcore.methods import SimCLR
from simcore.training import NonFiniteError, TrainingSettings, pretrain
from simcore.training.batches import BatchStream
from simcore.training.group import Strategy
from tests.training.groups import run_group
from tests.training.test_renewal import Sampler
from tests.training.test_stepping import Linear
from tests.training.worlds import KilledError, NoisyViews, Recorder, make_settings, make_simclr, make_store

SETTINGS = {"optimiser": "sgd", "learning_rate": 0.05, "warmup_steps": 0, "steps": 6, "log_every": 1}


class Unaveraged(Strategy):
    """The mutant that keeps each process's gradients to itself."""

    def setup_module(self, module):
        return module


def make_vit():
    """SimCLR on an encoder without batch norm."""
    torch.manual_seed(0)
    vit = VisionTransformer(img_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=2, num_classes=0)
    return SimCLR(vit, temperature=0.2, seed=0)


def train(method, workdir, mutant=None, **changes):
    """Train; what comes back is plain, since it travels between processes."""
    if mutant == "gradients are not averaged":
        pretrain.__globals__["Group"].__init__.__globals__["Strategy"] = Unaveraged
    if mutant == "negatives are not gathered":
        dist.world_size, dist.rank = (lambda: 1), (lambda: 0)
    result = pretrain(
        method,
        make_store(),
        views=changes.pop("views", NoisyViews()),
        settings=make_settings(**{**SETTINGS, **changes}),
        seed=3,
        workdir=workdir,
    )
    return {**result.state, "loss": torch.tensor(result.curves["loss"])}


def train_vit(workdir, mutant=None):
    return train(make_vit(), workdir, mutant)


def distance(left, right):
    return max(np.abs(np.asarray(left[name]) - np.asarray(right[name])).max() for name in left)


def same(left, right):
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def test_two_processes_train_what_one_trains(tmp_path):
    one = train_vit(tmp_path / "one")
    first, second = run_group(train_vit, tmp_path / "two")
    assert same(first, second)
    assert distance(one, first) < 2e-5
    start = make_vit().state_dict()
    assert distance(start, {name: one[name] for name in start}) > 1e-2


@pytest.mark.parametrize("mutant", ["gradients are not averaged", "negatives are not gathered"])
def test_what_the_comparison_would_find(tmp_path, mutant):
    one = train_vit(tmp_path / "one")
    first, _ = run_group(train_vit, tmp_path / "two", mutant)
    assert distance(one, first) > 1e-3


def train_resnet(workdir):
    return train(make_simclr(), workdir, learning_rate=0.01, channels_last=False)


def test_batch_norm_of_each_process_is_that_of_a_loop_that_splits_its_batch(tmp_path):
    """The running statistics are those of the first part, as the first process keeps them."""
    method, store, views = make_simclr(), make_store(), NoisyViews()
    optimiser = torch.optim.SGD(method.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4)
    stream = BatchStream(24, batch_size=8, seed=3)
    for step in range(1, 7):
        projections = []
        for part in stream.batch(step).reshape(2, 4):
            drawn = [views(store.compact(place), step=step, key=store.keys[place]) for place in part]
            pixels = torch.cat([torch.stack(view) for view in zip(*drawn, strict=True)])
            inputs = normalise(pixels, mean=IMAGENET_MEAN, std=IMAGENET_STD)
            # The second part moves copies of the running statistics.
            copies = {name: value.clone() for name, value in method.backbone.named_buffers()} if projections else {}
            features = torch.func.functional_call(method.backbone, copies, (inputs,))
            projections.append(method.head(features).split(4))
        left, right = (torch.cat(view) for view in zip(*projections, strict=True))
        method.criterion(left, right).backward()
        for group in optimiser.param_groups:
            group["lr"] = 0.01 * (1 + np.cos(np.pi * step / 6)) / 2
        optimiser.step()
        optimiser.zero_grad()
    first, _ = run_group(train_resnet, tmp_path / "two")
    whole = train_resnet(tmp_path / "one")
    split = {name: value.detach() for name, value in method.state_dict().items()}
    assert distance(split, first) < 1e-3
    assert distance(split, whole) > 100 * distance(split, first)


def train_linear(workdir):
    return train(Linear(), workdir, accumulate=2, clip_gradient=0.05, learning_rate=1e-3)


def test_passes_of_two_processes_add_up(tmp_path):
    one = train_linear(tmp_path / "one")
    first, second = run_group(train_linear, tmp_path / "two")
    assert same(first, second)
    for name, value in one.items():
        np.testing.assert_allclose(first[name], value, rtol=1e-4, atol=1e-6)


def train_and_break(workdir, at):
    method = make_simclr()
    forward, calls = method.forward, iter(range(1, 1000))

    def breaking(views):
        if next(calls) == at:
            raise KilledError
        return forward(views)

    method.forward = breaking
    return train(method, workdir, learning_rate=0.01, channels_last=False)


def test_two_processes_resume_exactly(tmp_path):
    whole, _ = run_group(train_resnet, tmp_path / "whole")
    broken = run_group(train_and_break, tmp_path / "work", 5)
    assert all(isinstance(result, Exception) for result in broken)
    resumed, _ = run_group(train_resnet, tmp_path / "work")
    assert same(whole, resumed)


class Unused(Linear):
    """Has a parameter that the loss does not depend on."""

    def __init__(self):
        super().__init__()
        self.spare = nn.Parameter(torch.ones(2))


def train_unused(workdir):
    seen = []
    wrap = Strategy.setup_module

    def setup_module(strategy, module):
        seen.append(strategy.find_unused_parameters)
        return wrap(strategy, module)

    Strategy.setup_module = setup_module
    used, unused = train(Linear(), workdir / "used"), train(Unused(), workdir / "unused")
    return seen, all(torch.equal(used[name], unused[name]) for name in used)


def test_unused_parameters_are_looked_for_only_where_there_are_some(tmp_path):
    assert run_group(train_unused, tmp_path) == [([False, True], True)] * 2


class Poisoned(Linear):
    """Its loss is NaN where the second image of a part is the last of the step's batch."""

    bad = BatchStream(24, batch_size=8, seed=3).batch(4)[-1]

    def forward(self, views):
        step = self.calls[-1][1]
        if step == 4 and torch.distributed.get_rank() == 1:
            views = [view.index_fill(0, torch.tensor([len(view) - 1]), float("nan")) for view in views]
        return super().forward(views)


def train_poisoned(workdir):
    return train(Poisoned(), workdir, learning_rate=1e-3)


def test_a_bad_loss_of_one_process_stops_all_with_its_image(tmp_path):
    errors = run_group(train_poisoned, tmp_path)
    assert [type(error) for error in errors] == [NonFiniteError] * 2
    key = f"image-{Poisoned.bad:02d}"
    assert all(f"at step 4 (learning rate 0.00025) on 1 image(s): {key}." in str(error) for error in errors)
    assert len(list(tmp_path.glob("*/nonfinite.json"))) == 1


def train_renewed(workdir):
    sampler, recorder, probes = Sampler(), Recorder(), []

    def probe(encoder):
        probes.append(encoder.training)
        return {"knn": 0.5}

    result = pretrain(
        make_vit(),
        make_store(),
        views=NoisyViews(),
        settings=make_settings(**SETTINGS),
        seed=3,
        workdir=workdir,
        renewal=sampler.at(2, 4),
        reporter=recorder,
        probe=probe,
    )
    return {"weight": result.state["head.0.weight"]}, sampler.calls, sampler.restored, len(recorder.rows), len(probes)


def test_the_first_process_renews_probes_and_reports(tmp_path):
    (first, *roles), (second, *others) = run_group(train_renewed, tmp_path / "two")
    assert roles == [[1, 2], [], 6, 1]
    assert others == [[], [24, 24], 0, 0]
    one, *_ = train_renewed(tmp_path / "one")
    torch.testing.assert_close(one["weight"], torch.from_numpy(first["weight"]), rtol=0, atol=2e-5)
    assert np.array_equal(first["weight"], second["weight"])


def train_badly(workdir):
    return train(Linear(), workdir, batch_size=7)


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path):
    errors = run_group(train_badly, tmp_path)
    assert [type(error) for error in errors] == [InputError] * 2
    assert "2 processes were started" in str(errors[0])
    assert "a multiple of 2" in str(errors[0])


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device that the test needs absent")
def test_synchronised_batch_norm_on_a_cpu_is_refused(run):
    with pytest.raises(InputError, match="`sync_batch_norm` needs GPUs"):
        run(processes=2, sync_batch_norm=True)


def test_the_settings_tell_what_cannot_be_shared():
    with pytest.raises(ValueError, match="2 processes and `accumulate` = 2 it is cut into 4 equal parts"):
        TrainingSettings(steps=1, batch_size=10, processes=2, accumulate=2)


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_synchronised_batch_norm_is_that_of_the_whole_batch(run):
    """Over GPUs, weights are those of one process on the whole batch."""
    settings = {**SETTINGS, "device": "cuda", "precision": "float32"}
    one = run(workdir="one", **settings).state
    two = run(workdir="two", **settings, processes=2, sync_batch_norm=True).state
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-3)
