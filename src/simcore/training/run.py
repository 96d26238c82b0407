"""One training run's fixed facts: its length, its batches, its identity on disk."""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcore.backbones import state_fingerprint
from simcore.errors import InputError
from simcore.files import atomic_file
from simcore.methods import Method
from simcore.training.batches import BatchStream
from simcore.training.checkpoints import Checkpoints
from simcore.training.data import Images, MakeViews
from simcore.training.schedules import cosine_learning_rate
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
        stream: Which images each step takes.
        checkpoints: The run's folder, named by its fingerprint.
    """

    settings: TrainingSettings
    seed: int
    total_steps: int
    stream: BatchStream
    checkpoints: Checkpoints

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of `step` (1-based)."""
        return cosine_learning_rate(
            step,
            total_steps=self.total_steps,
            peak=self.settings.learning_rate,
            floor=self.settings.learning_rate_floor,
            warmup_steps=self.settings.warmup_steps,
        )


def plan_run(
    method: Method,
    store: Images,
    *,
    views: MakeViews,
    settings: TrainingSettings,
    seed: int,
    workdir: Path,
) -> Run:
    """Return the run that trains `method` on `store`; its folder in `workdir` is named by its fingerprint.

    The fingerprint covers the settings that decide the result, the method with its initial weights, the
    views, the keys of the images and the seed. When `workdir` holds another run, a warning says in what it
    differs.

    Raises:
        InputError: If there are too few images, the schedule has no step after its warm-up, or `repr(views)`
            does not tell the settings of the views.
    """
    batch_size = settings.resolved_batch_size(len(store))
    total_steps = settings.resolved_steps(len(store))
    if settings.warmup_steps >= total_steps:
        raise InputError(
            f"`warmup_steps` is {settings.warmup_steps} but the run has {total_steps} steps; the warm-up "
            "must be shorter than the run."
        )
    if type(views).__repr__ is object.__repr__:
        raise InputError(
            f"`views` is a {type(views).__name__} whose repr does not tell its settings, so that a resumed "
            "run could not know it again; use `TwoViews` or `MultiViews`, or a frozen dataclass."
        )
    logger.info("%d images, batches of %d, %d steps", len(store), batch_size, total_steps)
    facts = {
        **settings.identity(),
        "batch_size": batch_size,
        "steps": total_steps,
        "epochs": None,
        "method": {"name": method.name, **method.hyper_parameters},
        "views": repr(views),
        "initial_weights": state_fingerprint(method.state_dict()),
        "images": hashlib.sha256("\n".join(map(str, store.keys)).encode()).hexdigest(),
        "seed": seed,
    }
    text = json.dumps(facts, sort_keys=True, indent=2)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    folder = workdir / fingerprint[:16]
    _warn_of_other_runs(workdir, facts=json.loads(text), folder=folder)
    with atomic_file(folder / _FACTS) as partial:
        partial.write_text(text + "\n", encoding="utf-8")
    return Run(
        settings=settings,
        seed=seed,
        total_steps=total_steps,
        stream=BatchStream(len(store), batch_size=batch_size, seed=seed),
        checkpoints=Checkpoints(folder, fingerprint=fingerprint, keep=settings.keep_checkpoints),
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
