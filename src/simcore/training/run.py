"""One training run's fixed facts: its length, its batches, its identity on disk."""

import hashlib
import inspect
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcore.backbones import state_fingerprint
from simcore.errors import InputError
from simcore.files import atomic_file
from simcore.methods import Method, Moment
from simcore.training.batches import BatchStream
from simcore.training.beside import Beside
from simcore.training.checkpoints import Checkpoints
from simcore.training.data import Images, MakeDeviceViews, MakeViews, keys_digest
from simcore.training.refreshing import Refresh
from simcore.training.renewal import Renewal
from simcore.training.schedules import cosine, cosine_learning_rate, polynomial, staircase
from simcore.training.settings import TrainingSettings

logger = logging.getLogger(__name__)

_FACTS = "run.json"


@dataclass(frozen=True)
class Run:
    """What is fixed before the first step.

    Attributes:
        settings: How the network is trained.
        seed: Seed of batches and of the method's own draws.
        total_steps: Optimiser steps in all.
        warmup_steps: Steps of them in which the learning rate rises.
        stream: Which images each step takes.
        checkpoints: The run's folder, named by its fingerprint.
    """

    settings: TrainingSettings
    seed: int
    total_steps: int
    warmup_steps: int
    stream: BatchStream
    checkpoints: Checkpoints

    @property
    def _stair(self) -> int:
        return self.stream.steps_per_epoch if self.settings.schedule_per == "epoch" else 1

    def moment(self, step: int) -> Moment:
        """Return where in the run `step` (1-based) stands."""
        return Moment(step=step, total_steps=self.total_steps, steps_per_epoch=self.stream.steps_per_epoch)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of `step` (1-based)."""
        settings = self.settings
        if settings.schedule == "cosine":
            return cosine_learning_rate(
                step,
                total_steps=self.total_steps,
                peak=settings.learning_rate,
                floor=settings.learning_rate_floor,
                warmup_steps=self.warmup_steps,
                stair=self._stair,
            )
        if settings.schedule == "poly":
            rate = polynomial(step, total_steps=self.total_steps, start=settings.learning_rate, power=settings.power)
        else:
            rate = staircase(
                self.moment(step).epoch,
                start=settings.learning_rate,
                after=settings.decay_after_epochs,
                factor=settings.decay_factor,
            )
        return rate * min(1.0, step / self.warmup_steps) if self.warmup_steps else rate

    def weight_decay(self, step: int) -> float:
        """Return the weight decay of `step` (1-based)."""
        start, end = self.settings.weight_decay, self.settings.weight_decay_end
        if end is None:
            return start
        return cosine(step, total_steps=self.total_steps, start=start, end=end, stair=self._stair)


def plan_run(
    method: Method,
    store: Images,
    *,
    views: MakeViews | MakeDeviceViews,
    settings: TrainingSettings,
    seed: int,
    workdir: Path,
    renewal: Renewal | None = None,
    beside: Beside | None = None,
    refresh: Refresh | None = None,
    write: bool = True,
) -> Run:
    """Return the run that trains `method` on `store`; its folder in `workdir` is named by its fingerprint.

    The fingerprint covers the settings that decide the result, the method with its initial weights, the
    views, the keys of the images and the seed; of images that go beside likewise, and the steps of a refresh. When
    `workdir` holds another run, a warning says in what it differs. Without `write` (a process that is not the
    first of its group) nothing is written or told.

    Raises:
        InputError: If there are too few images, the schedule has no step after its warm-up, the views are not
            made for where `views_on` puts them, `repr(views)` does not tell their settings, a renewal or a
            refresh lies outside the run, or the images beside cannot be cut into batches.
    """
    batch_size = settings.resolved_batch_size(len(store))
    total_steps = settings.resolved_steps(len(store))
    warmup_steps = settings.resolved_warmup_steps(len(store))
    if warmup_steps >= total_steps:
        name = "warmup_epochs" if settings.warmup_epochs else "warmup_steps"
        raise InputError(
            f"`{name}` is {getattr(settings, name)} but the run has {total_steps} steps; the warm-up "
            "must be shorter than the run."
        )
    if renewal is not None:
        renewal.check(total_steps=total_steps)
    if beside is not None:
        beside.check(settings)
    if refresh is not None:
        refresh.check(total_steps=total_steps)
    _check_views(views, settings)
    if type(views).__repr__ is object.__repr__:
        raise InputError(
            f"`views` is a {type(views).__name__} whose repr does not tell its settings, so that a resumed "
            "run could not know it again; use `TwoViews` or `MultiViews`, or a frozen dataclass."
        )
    facts = {
        **settings.identity(),
        "batch_size": batch_size,
        "steps": total_steps,
        "epochs": None,
        "warmup_steps": warmup_steps,
        "warmup_epochs": None,
        "renewals": [] if renewal is None else list(renewal.steps),
        "method": {"name": method.name, **method.hyper_parameters},
        "views": repr(views),
        "initial_weights": state_fingerprint(method.state_dict()),
        "images": keys_digest(store),
        "seed": seed,
        # Absent, not empty, where a run has none: the identity of runs made before these existed stays.
        **({} if beside is None else {"beside": beside.facts()}),
        **({} if refresh is None else {"refreshes": list(refresh.steps)}),
    }
    text = json.dumps(facts, sort_keys=True, indent=2)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    folder = workdir / fingerprint[:16]
    if write:
        logger.info("%d images, batches of %d, %d steps", len(store), batch_size, total_steps)
        _warn_of_other_runs(workdir, facts=json.loads(text), folder=folder)
        with atomic_file(folder / _FACTS) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    return Run(
        settings=settings,
        seed=seed,
        total_steps=total_steps,
        warmup_steps=warmup_steps,
        stream=settings.stream(len(store), seed=seed),
        checkpoints=Checkpoints(folder, fingerprint=fingerprint, keep=settings.keep_checkpoints),
    )


def _check_views(views: MakeViews | MakeDeviceViews, settings: TrainingSettings) -> None:
    takes = inspect.signature(views).parameters
    on = "device" if "keys" in takes else "workers"
    if on != settings.views_on:
        raise InputError(
            f"`views_on` is {settings.views_on}, but `views` is a {type(views).__name__}, which makes views on the "
            f"{on}; use `DeviceViews` for the device, and `TwoViews` or `MultiViews` for the workers."
        )


def _warn_of_other_runs(workdir: Path, *, facts: dict[str, Any], folder: Path) -> None:
    for path in sorted(workdir.glob(f"*/{_FACTS}")):
        if path.parent == folder:
            continue
        other = json.loads(path.read_text(encoding="utf-8"))
        names = facts.keys() | other.keys()
        differing = sorted(name for name in names if facts.get(name) != other.get(name))
        logger.warning(
            "%s holds a run that differs in %s; it is not resumed, training starts anew. Remove that "
            "folder if it is no longer wanted.",
            path.parent,
            ", ".join(differing),
        )
