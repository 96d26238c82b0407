"""Repeated sampling: other images from certain steps on, the same ones after a kill."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from simcore.errors import ArtefactError, InputError
from simcore.files import atomic_file
from simcore.methods import Method
from simcore.training.data import Images
from simcore.training.evaluating import evaluating
from simcore.training.group import Group

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Renewal:
    """When training goes over to other images, and which.

    Weights, optimiser and schedule go on. With several processes the first one calls `renew`, the others
    `restore`; both must then be picklable (a function of a module, or an instance of a class of one).

    Attributes:
        steps: Steps after which the images are replaced, rising; the last one lies before the end of the run.
        renew: Gets the method, in evaluation mode and without gradients, and the number of the renewal, from 1;
            returns as many images as there were. It must not change the method.
        restore: Gets the keys of what `renew` returned and returns the same images in the same order: in a
            resumed run, and in the other processes.
    """

    steps: tuple[int, ...]
    renew: Callable[[Method, int], Images]
    restore: Callable[[Sequence[str]], Images]

    def check(self, *, total_steps: int) -> None:
        """Raise an error unless `steps` rise within a run of `total_steps`.

        Raises:
            InputError: If they do not.
        """
        if list(self.steps) != sorted(set(self.steps)) or not all(0 < step < total_steps for step in self.steps):
            raise InputError(
                f"The renewal's `steps` are {self.steps}; they must rise and lie between 1 and {total_steps - 1}, "
                f"before the last of the run's {total_steps} steps."
            )


class Stages:
    """The images of each stage of a run: those it began with, then those of each renewal.

    The keys of a renewed store are written to the run's folder before the first step that uses it, so that a
    run killed before, during or after a renewal goes on with the same images.

    Args:
        store: Images of the first stage.
        renewal: When they are replaced; None keeps them.
        folder: Where the keys are kept.
        group: The processes of the run.
    """

    def __init__(self, store: Images, *, renewal: Renewal | None, folder: Path, group: Group) -> None:
        self.store = store
        self.renewal = renewal
        self.folder = folder
        self.group = group
        self.number = 0

    def cut(self, steps: range) -> list[range]:
        """Return `steps` in pieces that read the same images."""
        inner = [step + 1 for step in self.ends if steps.start < step + 1 < steps.stop]
        bounds = [steps.start, *inner, steps.stop]
        pieces = [range(first, last) for first, last in pairwise(bounds)]
        return [piece for piece in pieces if piece]

    @property
    def ends(self) -> tuple[int, ...]:
        """The steps after which images are replaced."""
        return () if self.renewal is None else self.renewal.steps

    def enter(self, step: int, method: Method) -> Images:
        """Return the images that `step` reads, renewing them first where that has not been done.

        Raises:
            ArtefactError: If a renewal lies further back than the step before, and its keys are gone.
            InputError: If a renewed store has another length, or a restored one other keys.
        """
        number = sum(end < step for end in self.ends)
        if number == self.number:
            return self.store
        assert self.renewal is not None
        kept = self.folder / f"renewal-{number:02d}.json"
        found = self.group.share(_read(kept) if self.group.first and kept.exists() else None)
        renewed: Images | None = None
        if found is None:
            if self.ends[number - 1] != step - 1:
                raise ArtefactError(
                    f"The images of renewal {number} are not known any more: {kept} is gone. Remove {self.folder} "
                    "to start anew."
                )
            if self.group.first:
                renewed = self._renew(method, number)
                _write(kept, step=step - 1, store=renewed)
            found = self.group.share([] if renewed is None else _keys(renewed))
        store = self.renewal.restore(found) if renewed is None else renewed
        if _keys(store) != found:
            raise InputError(
                f"`restore` gave {len(store)} images whose keys are not the {len(found)} asked for, in their order."
            )
        self.store, self.number = store, number
        return store

    def _renew(self, method: Method, number: int) -> Images:
        assert self.renewal is not None
        logger.info("Renewal %d of %d: choosing other images with the present weights", number, len(self.ends))
        with evaluating(method, device=self.group.device):
            store = self.renewal.renew(method, number)
        if len(store) != len(self.store):
            raise InputError(
                f"Renewal {number} gave {len(store)} images in place of {len(self.store)}; the schedule needs as "
                "many as before."
            )
        return store


def _keys(store: Images) -> list[str]:
    return [str(key) for key in store.keys]


def _read(path: Path) -> list[str]:
    return json.loads(path.read_text(encoding="utf-8"))["keys"]


def _write(path: Path, *, step: int, store: Images) -> None:
    with atomic_file(path) as partial:
        partial.write_text(json.dumps({"step": step, "keys": _keys(store)}), encoding="utf-8")
