"""A round's classifier and what it says of the test images, kept on disk."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from simcore.files import atomic_file
from simcore.supervised import Classifier

_RANKED, _SCORE = "ranked", "score"
_MODEL = "model."


@dataclass(frozen=True, eq=False)
class RoundState:
    """A trained classifier on disk.

    Attributes:
        path: A safetensors file.
    """

    path: Path

    def save(self, classifier: Classifier, ranked: np.ndarray, *, score: float) -> None:
        """Keep the classifier, the classes `(n, k)` that it ranks for each test image, and how good they are."""
        state = {_MODEL + name: each.detach().cpu().contiguous() for name, each in classifier.state_dict().items()}
        tensors = {**state, _RANKED: torch.from_numpy(ranked.copy()), _SCORE: torch.tensor(score, dtype=torch.float64)}
        with atomic_file(self.path) as partial:
            save_file(tensors, partial)

    def exists(self) -> bool:
        """Return whether there is one."""
        return self.path.is_file()

    def ranked(self) -> np.ndarray:
        """Return the ranked classes of the test images, `(n, k)` int64."""
        return self._read(_RANKED).numpy()

    def score(self) -> float:
        """Return how good they are."""
        return float(self._read(_SCORE))

    def _read(self, name: str) -> torch.Tensor:
        with safe_open(self.path, framework="pt") as stored:
            tensor: torch.Tensor = stored.get_tensor(name)
            return tensor

    def load_into(self, classifier: Classifier) -> Classifier:
        """Return `classifier` with the weights that are kept."""
        tensors = load_file(self.path)
        state = {name.removeprefix(_MODEL): each for name, each in tensors.items() if name.startswith(_MODEL)}
        classifier.load_state_dict(state)
        return classifier
