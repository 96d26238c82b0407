"""Losses of two processes, each with half of a batch, against one process with the whole."""

import socket

import pytest
import torch
from torch import distributed, multiprocessing

from simcore.methods import Moment
from tests.methods.worlds import random_views, small_method

METHODS = ("simclr", "swav", "dino", "byol", "hns", "ehns", "ehns_m")
N = 6


def run_once(name, rows):
    """Loss, gradients and centre of a step of `name` on the images `rows` of a batch."""
    method = small_method(name)
    for module in method.modules():
        # Batch norm sees the part of one process alone; with running statistics, rows do not meet in it.
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()
    views = random_views(method, n=N, seed=3)
    method.before_step(Moment(step=1, total_steps=1, steps_per_epoch=1))
    loss = method.loss([view[rows] for view in views])
    loss.backward()
    gradients = {key: parameter.grad for key, parameter in method.named_parameters() if parameter.grad is not None}
    return {"loss": loss.detach(), "buffers": dict(method.named_buffers())} | {"gradients": gradients}


def work(rank, port, folder):
    """One of the two processes: results averaged as DistributedDataParallel averages gradients."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    results = {}
    for name in METHODS:
        result = run_once(name, slice(rank * N // 2, (rank + 1) * N // 2))
        for tensor in (result["loss"], *result["gradients"].values()):
            distributed.all_reduce(tensor)
            tensor.div_(2)
        results[name] = result
    torch.save(results, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(work, args=(port, str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("name", METHODS)
def test_two_processes_have_loss_gradients_and_centre_of_the_joint_batch(both, name):
    whole = run_once(name, slice(None))
    for part in both:
        assert part[name]["loss"].item() == pytest.approx(whole["loss"].item(), abs=1e-5)
        assert set(part[name]["gradients"]) == set(whole["gradients"])
        for key, gradient in whole["gradients"].items():
            scale = max(1.0, gradient.abs().max().item())
            assert torch.allclose(part[name]["gradients"][key], gradient, atol=1e-5 * scale), key
        for key, buffer in whole["buffers"].items():
            assert torch.allclose(part[name]["buffers"][key], buffer, atol=1e-6), key


@pytest.mark.parametrize("name", ["simclr", "swav", "hns", "ehns", "ehns_m"])
def test_half_a_batch_alone_has_another_loss(name):
    halves = [run_once(name, slice(start, start + N // 2))["loss"].item() for start in (0, N // 2)]
    assert sum(halves) / 2 != pytest.approx(run_once(name, slice(None))["loss"].item(), abs=1e-3)
