"""Weights that a run is given: a path or a name."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from simcore.parameters.base import Parameters

NAMED = ("timm:", "random:")
"""Beginnings of weights that are no path."""

_BLOCK = 2**20


def find_weights(spec: str | None) -> str | None:
    """Return where weights are: a name as it is, a path anchored where the command was typed.

    Raises:
        ValueError: If nothing is there.

    Example:
        >>> find_weights("timm:resnet50")
        'timm:resnet50'
    """
    if spec is None or spec.startswith(NAMED):
        return spec
    path = Path(spec).expanduser().absolute()
    if not path.exists():
        raise ValueError(
            f"{path} does not exist; give an encoder's folder, a .safetensors, .pth, .pt or .ckpt file, `timm:<name>` "
            "for weights pretrained by timm, or `random:<name>`"
        )
    return str(path)


Weights = Annotated[str | None, AfterValidator(find_weights)]
"""An encoder's folder, a file of weights, `timm:<name>`, `random:<name>`, or nothing."""


class GivenWeights(Parameters):
    """Weights as a value of their own, known by their content wherever they lie."""

    spec: Weights

    def outside_state(self) -> str | None:
        """Return the fingerprint of the content."""
        return weights_fingerprint(self.spec)


def weights_fingerprint(spec: str | None) -> str | None:
    """Return the hex sha256 of all bytes of the file or folder at `spec`; None of a name, whose value tells all."""
    if spec is None or spec.startswith(NAMED):
        return None
    path = Path(spec)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    state = tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    return _content(str(path), state)


@cache
def _content(root: str, state: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, size, _ in state:
        digest.update(f"{Path(name).relative_to(root)}|{size}|".encode())
        with Path(name).open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
