"""What is worked out anew between steps: pseudo-labels, weights of images, centres."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from simcore.errors import InputError
from simcore.methods import Method
from simcore.training.evaluating import evaluating
from simcore.training.group import Group

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refresh:
    """Buffers of a method that are worked out anew from the method as it stands.

    A checkpoint of the step before holds the old values, one of a later step the new ones: a run killed in
    between works them out again, from the same weights. With several processes the first one does, and
    tells the others; `compute` must then be picklable (a function of a module, or an instance of a class of one).

    Attributes:
        steps: Steps after which this happens, rising; 0 is before the first, the last lies before the end of the run.
        compute: Gets the method, in evaluation mode and without gradients, and the step; returns the new values of
            buffers by name, each of the shape it has. It must not change the method, and be a function of
            the two alone.
    """

    steps: tuple[int, ...]
    compute: Callable[[Method, int], Mapping[str, Tensor]]

    def check(self, *, total_steps: int) -> None:
        """Raise an error unless `steps` rise within a run of `total_steps`.

        Raises:
            InputError: If they do not.
        """
        if list(self.steps) != sorted(set(self.steps)) or not all(0 <= step < total_steps for step in self.steps):
            raise InputError(
                f"The refresh's `steps` are {self.steps}; they must rise and lie between 0 and {total_steps - 1}, "
                f"before the last of the run's {total_steps} steps."
            )


class Refresher:
    """Brings the buffers of a method up to date, before the steps that ask for it.

    Args:
        refresh: When, and how; None leaves them alone.
        group: The processes of the run.
    """

    def __init__(self, refresh: Refresh | None, *, group: Group) -> None:
        self.refresh = refresh
        self.group = group
        self._steps = frozenset(() if refresh is None else refresh.steps)

    def due(self, step: int) -> bool:
        """Return whether buffers change before `step` (1-based)."""
        return step - 1 in self._steps

    def renew(self, method: Method, *, step: int) -> None:
        """Copy into `method` what is worked out before `step` (1-based).

        Raises:
            InputError: If a value has no buffer of its name and shape.
        """
        assert self.refresh is not None
        values: dict[str, Tensor] = {}
        if self.group.first:
            logger.info("Step %d: working out %s anew", step - 1, method.name)
            with evaluating(method, device=self.group.device):
                found = self.refresh.compute(method, step - 1)
            values = {name: value.detach().cpu() for name, value in found.items()}
        values = self.group.share(values)
        buffers = dict(method.named_buffers())
        with torch.no_grad():
            for name, value in values.items():
                if name not in buffers or buffers[name].shape != value.shape:
                    has = tuple(buffers[name].shape) if name in buffers else "absent"
                    raise InputError(
                        f"`compute` gave `{name}` of shape {tuple(value.shape)}, but this buffer of the method is "
                        f"{has}; register it with the shape that it keeps."
                    )
                buffers[name].copy_(value)
