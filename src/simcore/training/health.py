"""Signs that a run goes wrong: collapse and non-finite numbers."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from simcore.errors import SimCoreError
from simcore.files import atomic_file
from simcore.methods import StepOutput
from simcore.training.group import Group

_LISTED = 5


class NonFiniteError(SimCoreError):
    """The loss became NaN or infinite; the message says at which step and on which images."""


def feature_spread(features: Tensor) -> float:
    """Return the mean over dimensions of the standard deviation of the unit rows of `features` `(n, d)`.

    Near 1 / sqrt(d) when the features fill the sphere, 0 when they have collapsed to a point.

    Example:
        >>> feature_spread(torch.ones(4, 8))
        0.0
    """
    unit = nn.functional.normalize(features.float(), dim=1)
    return unit.std(dim=0, correction=0).mean().item()


class LossMonitor:
    """Collects the losses of an interval and stops the run at the first that is not finite.

    Reading a loss waits for the device and, with several processes, for the others: `read` does it for all
    steps since the last call, and then still finds the first bad one.

    Args:
        folder: Where `nonfinite.json` (step, learning rate, keys) is written for replay.
        keys_of: Returns the keys of the images that this process takes at a step.
        learning_rate_of: Returns the learning rate of a step.
        group: The processes of the run, which all call `read` at the same steps.
        values: Losses of the current interval that a checkpoint brought along.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keys_of: Callable[[int], Sequence[str]],
        learning_rate_of: Callable[[int], float],
        group: Group,
        values: Sequence[float] = (),
    ) -> None:
        self.folder = folder
        self.keys_of = keys_of
        self.learning_rate_of = learning_rate_of
        self.group = group
        self.values = list(values)
        self._unread: list[tuple[int, Tensor]] = []
        self._features: tuple[int, list[Tensor]] | None = None

    def add(self, outputs: Sequence[StepOutput], *, step: int) -> None:
        """Take in the outputs of the passes of `step`, whose losses are averaged."""
        losses = [output.loss.detach() for output in outputs]
        self._unread.append((step, losses[0] if len(losses) == 1 else torch.stack(losses).mean()))
        self._features = (step, [output.features for output in outputs])

    def read(self) -> None:
        """Bring the losses over from the device, averaged over the processes.

        Raises:
            NonFiniteError: If one of them is NaN or infinite.
        """
        if not self._unread:
            return
        values = self.group.mean(torch.stack([loss.float() for _, loss in self._unread])).tolist()
        for (step, _), value in zip(self._unread, values, strict=True):
            if not math.isfinite(value):
                self._stop(step, value)
        self.values.extend(values)
        self._unread.clear()

    def take_mean(self) -> float:
        """Return the mean loss since the last call and begin a new interval."""
        self.read()
        mean = math.fsum(self.values) / len(self.values)
        self.values.clear()
        return mean

    def _stop(self, step: int, loss: float) -> None:
        keys = [str(key) for key in self.keys_of(step)]
        suspected: list[str] = []
        if self._features is not None and self._features[0] == step:
            finite = torch.cat([torch.isfinite(part).all(dim=1).cpu() for part in self._features[1]]).tolist()
            # Images that go beside have no row of features; their keys come last.
            suspected = [key for key, fine in zip(keys[: len(finite)], finite, strict=True) if not fine]
        found = self.group.objects((keys, suspected))
        offending = [key for _, some in found for key in some] or [key for every, _ in found for key in every]
        rate = self.learning_rate_of(step)
        path = self.folder / "nonfinite.json"
        if self.group.first:
            with atomic_file(path) as partial:
                record = {"step": step, "learning_rate": rate, "loss": str(loss), "keys": offending}
                partial.write_text(json.dumps(record, indent=2), encoding="utf-8")
        shown = ", ".join(offending[:_LISTED]) + (", ..." if len(offending) > _LISTED else "")
        raise NonFiniteError(
            f"The loss is {loss} at step {step} (learning rate {rate:.3g}) on {len(offending)} image(s): "
            f"{shown}. All are listed in {path}. Lower the learning rate or add warm-up steps; if the same "
            "images come back, look at them."
        )
