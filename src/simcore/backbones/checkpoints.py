"""Reading weight files without unpickling."""

import argparse
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from simcore.errors import ArtefactError, InputError, in_a_line

SAFETENSORS = ".safetensors"
TORCH_FILES = (".pth", ".pt", ".ckpt", ".tar", ".bin")

# Where training programs keep the weights; the first that is there counts. Of a self-distilled pair the
# teacher is the network that its papers evaluate.
_NESTS = (
    "state_dict",
    "model_state_dict",
    "teacher",
    "model",
    "module",
    "student",
    "encoder",
    "backbone",
    "network",
    "net",
)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a weight file by their names there, on the CPU.

    `.safetensors` files are read as they are. PyTorch files (`.pth`, `.pt`, `.ckpt`, `.pth.tar`, `.bin`) are
    read by `torch.load(weights_only=True)`, which runs no code of the file; a state dict inside a larger
    checkpoint (Lightning's `state_dict`, `model`, DINO's `teacher`, ...) is found.

    Raises:
        InputError: If there is no such file, its ending is unknown, or it needs unpickling.
        ArtefactError: If it is damaged or holds no tensors by name.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no weight file {path}; give the path of an existing one.")
    if path.suffix == SAFETENSORS:
        try:
            return load_file(path)
        except SafetensorError as error:
            raise ArtefactError(
                f"The weight file {path} is damaged ({in_a_line(error)}); fetch or write it again."
            ) from error
    if path.suffix not in TORCH_FILES:
        raise InputError(
            f"`{path.name}` ends in `{path.suffix}`; weights are read from {SAFETENSORS} and {', '.join(TORCH_FILES)}."
        )
    return _unnest(_torch_load(path), path)


def _torch_load(path: Path) -> Any:
    # Many programs (DINO, MAE) save their command line beside the weights: a plain holder of values.
    with torch.serialization.safe_globals([argparse.Namespace]):
        return _load_weights_only(path)


def _load_weights_only(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make PyTorch stumble anywhere: IndexError, AssertionError, MemoryError
        names = _foreign_objects(path, error)
        if names:
            raise InputError(
                f"{path} holds Python objects beside its weights ({names}), and reading those could run code of "
                "the file, so it is refused. If you trust its origin, convert it once: "
                f"`safetensors.torch.save_file(torch.load({path.name!r}, weights_only=False)['state_dict'], "
                "'weights.safetensors')`, with the key its weights are under, and give the new file."
            ) from error
        # What PyTorch says of a broken pickle is advice to run its code.
        broken = isinstance(error, pickle.UnpicklingError)
        reason = "it is no PyTorch file" if broken else in_a_line(error)
        raise ArtefactError(f"The weight file {path} cannot be read ({reason}); fetch or write it again.") from error


def _foreign_objects(path: Path, error: Exception) -> str:
    """Return the classes that a file needs unpickled, comma-separated; empty for one that is merely broken."""
    if not isinstance(error, pickle.UnpicklingError):
        return ""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:
        # The format of before PyTorch 1.6 cannot be listed; the error itself then names the first class.
        names = ["objects of classes unknown to PyTorch"] if "Unsupported global" in str(error) else []
    return ", ".join(names)


def _unnest(content: Any, path: Path) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        nested = next((content[name] for name in _NESTS if isinstance(content.get(name), Mapping)), None)
        if nested is None:
            tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
            if tensors:
                return {str(name): value for name, value in tensors.items()}
            break
        content = nested
    found = f"the entries {', '.join(map(str, list(content)[:8]))}" if isinstance(content, Mapping) else "no entries"
    raise ArtefactError(
        f"{path} holds {found}, but no state dict: a mapping of names to tensors, bare or under one of "
        f"{', '.join(_NESTS)}; save one with `torch.save(network.state_dict(), ...)`."
    )
