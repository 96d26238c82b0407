"""Naming a device."""

import pytest
import torch

from simcore.devices import choose_device
from simcore.errors import InputError


@pytest.fixture
def gpus(monkeypatch):
    def pretend(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return pretend


def test_auto_is_the_gpu_if_there_is_one(gpus):
    gpus(0)
    assert choose_device("auto") == torch.device("cpu")
    gpus(1)
    assert choose_device("auto") == torch.device("cuda")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", torch.device("cuda")])
def test_a_gpu_that_is_not_there_is_refused(gpus, name):
    gpus(0)
    with pytest.raises(InputError, match=r"`device` is 'cuda.*sees no CUDA GPU here; use auto or cpu"):
        choose_device(name)


def test_a_number_beyond_the_gpus_is_refused(gpus):
    gpus(2)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(InputError, match=r"`device` is 'cuda:2', but PyTorch sees only 2 CUDA"):
        choose_device("cuda:2")


def test_an_apple_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match="sees no Apple GPU"):
        choose_device("mps")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "meta", "CPU0"])
def test_an_unknown_name_lists_what_is_allowed(name):
    with pytest.raises(InputError, match="allowed are auto, cpu, cuda, cuda:<number> and mps"):
        choose_device(name)
