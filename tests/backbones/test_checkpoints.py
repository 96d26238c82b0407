"""Reading weight files."""

import argparse
from dataclasses import dataclass

import pytest
import torch
from safetensors.torch import save_file

from simcore.backbones.checkpoints import read_weights
from simcore.errors import ArtefactError, InputError

STATE = {"conv.weight": torch.arange(4.0).reshape(2, 2), "conv.bias": torch.ones(2)}


@dataclass
class Settings:
    """An object of the training program, as checkpoints hold them."""

    rate: float = 0.1


def write(content, path):
    torch.save(content, path)
    return path


def assert_is_the_state(read):
    assert read.keys() == STATE.keys()
    assert all(torch.equal(read[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize("ending", [".pth", ".pt", ".ckpt", ".pth.tar", ".bin"])
def test_torch_files(tmp_path, ending):
    assert_is_the_state(read_weights(write(STATE, tmp_path / f"weights{ending}")))


def test_safetensors(tmp_path):
    save_file(STATE, tmp_path / "weights.safetensors")
    assert_is_the_state(read_weights(str(tmp_path / "weights.safetensors")))


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": STATE},
        {"model": STATE, "optimizer": {"state": {0: {"step": torch.ones(1)}}, "param_groups": [{"lr": 0.1}]}},
        {"model": {"state_dict": STATE}},
        {"model_state_dict": STATE, "epoch": 3},
        {"teacher": STATE, "student": {"other": torch.zeros(1)}, "epoch": 3},
        {"student": STATE},
        {"model": STATE, "args": argparse.Namespace(rate=0.1, layers=[1, 2])},
        {"state_dict": STATE, "loss": torch.zeros(())},
        # A Lightning checkpoint.
        {
            "epoch": 1,
            "global_step": 10,
            "pytorch-lightning_version": "2.5.0",
            "state_dict": STATE,
            "loops": {"fit_loop": {"state_dict": {}}},
            "callbacks": {},
            "optimizer_states": [{"state": {}}],
            "lr_schedulers": [],
            "hparams_name": "kwargs",
            "hyper_parameters": {"rate": 0.1},
        },
        {**STATE, "epoch": 3},
    ],
)
def test_a_state_is_found_in_its_checkpoint(tmp_path, content):
    assert_is_the_state(read_weights(write(content, tmp_path / "run.ckpt")))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_that_needs_unpickling_is_refused(tmp_path, legacy):
    path = tmp_path / "run.pth"
    torch.save({"state_dict": STATE, "args": Settings()}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(InputError, match=r"could run code.*convert it once.*save_file.*weights_only=False") as caught:
        read_weights(path)
    assert legacy or "Settings" in str(caught.value)


def test_the_conversion_it_names_works(tmp_path):
    """Word for word, from the message."""
    path = write({"state_dict": STATE, "args": Settings()}, tmp_path / "run.pth")
    with pytest.raises(InputError) as caught:
        read_weights(path)
    command = str(caught.value).split("`")[1]
    target = tmp_path / "weights.safetensors"
    command = command.replace("'run.pth'", repr(str(path))).replace("'weights.safetensors'", repr(str(target)))
    import safetensors.torch

    eval(command, {"safetensors": safetensors, "torch": torch})
    assert_is_the_state(read_weights(target))


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>404</html>", None])
def test_a_damaged_file_is_told(tmp_path, ending, content):
    path = tmp_path / f"weights{ending}"
    if content is None:
        if ending == ".pth":
            torch.save(STATE, path)
        else:
            save_file(STATE, path)
        content = path.read_bytes()[:60]
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"weights\.\w+ (is damaged|cannot be read).*again") as caught:
        read_weights(path)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"epoch": 3}, {"state_dict": {}}, {"weights": STATE}, 5])
def test_a_file_without_a_state_is_refused(tmp_path, content):
    with pytest.raises(ArtefactError, match="no state dict: a mapping of names to tensors"):
        read_weights(write(content, tmp_path / "run.pt"))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no weight file .*missing\.pth"):
        read_weights(tmp_path / "missing.pth")
    (tmp_path / "weights.h5").touch()
    with pytest.raises(InputError, match=r"ends in `\.h5`; weights are read from \.safetensors and \.pth"):
        read_weights(tmp_path / "weights.h5")
