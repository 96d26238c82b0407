"""The training loop: one for all methods."""

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from simcore.methods import Method
from simcore.training.beside import Beside
from simcore.training.data import Images, MakeDeviceViews, MakeViews
from simcore.training.group import Group, check_device, joined_size, losses_told
from simcore.training.launch import launch
from simcore.training.refreshing import Refresh
from simcore.training.renewal import Renewal
from simcore.training.reporter import Reporter, SilentReporter
from simcore.training.run import plan_run
from simcore.training.settings import TrainingSettings
from simcore.training.trainer import Probe, Task, Trainer, TrainingResult, make_result, report


def pretrain(
    method: Method,
    store: Images,
    *,
    views: MakeViews | MakeDeviceViews,
    settings: TrainingSettings,
    seed: int,
    workdir: str | Path,
    reporter: Reporter | None = None,
    description: str = "pretrain",
    probe: Probe | None = None,
    renewal: Renewal | None = None,
    beside: Beside | None = None,
    refresh: Refresh | None = None,
) -> TrainingResult:
    """Return the result of training `method` in place on the images of `store`.

    Batches, views, learning rate and the generator of the method's own draws are functions of (seed, step),
    so a run that was killed at any moment goes on from its last checkpoint as if nothing had happened: on a
    CPU with the same number of threads it ends with bit-identical weights. Running again with equal settings,
    data, seed and initial weights resumes by itself; with others it starts anew and says what differs.

    With `settings.processes` above 1 that many processes are started on this machine, each with an equal part
    of every batch; what is given here is then sent to them, so it must be picklable, and a script that calls
    this needs the guard `if __name__ == "__main__":`. In a group of processes that is there already
    (`torchrun`), every process makes this same call and takes its part.

    Args:
        method: Module to train; its weights are overwritten when a checkpoint is resumed.
        store: Images and keys by position.
        views: Draws the views of an image, or with `views_on` = `device` of a batch, with a seed of their own.
        settings: Length, optimiser, speed.
        seed: Seed of batches and of the method's own draws.
        workdir: Folder for checkpoints; call `remove_work` on it once the result is stored.
        reporter: Receives the curves; of a resumed run also the part before.
        description: Label of the progress bar.
        probe: Called every `probe_every_steps`, by the first process, and at the end; what it returns joins the
            curves. It leaves no trace in the training.
        renewal: When to go over to other images, and which.
        beside: Images that go along in every step, in batches of their own.
        refresh: When to work out buffers of the method anew, and how.

    Raises:
        InputError: If there are too few images, or the settings do not fit them.
        ArtefactError: If a checkpoint in the run's folder cannot be used.
        SimCoreError: If a checkpoint cannot be written, or a process ends before its time.
        NonFiniteError: If the loss becomes NaN or infinite.
    """
    reporter = reporter or SilentReporter()
    joined = joined_size()
    if joined is not None:
        settings = settings.with_processes(joined)
    check_device(settings)
    run = plan_run(
        method,
        store,
        views=views,
        settings=settings,
        seed=seed,
        workdir=Path(workdir),
        renewal=renewal,
        beside=beside,
        refresh=refresh,
        write=int(os.environ.get("RANK", "0")) == 0,
    )
    task = Task(
        method,
        store,
        views=views,
        run=run,
        probe=probe,
        beside=beside,
        renewal=renewal,
        refresh=refresh,
        description=description,
    )
    if joined is None and settings.processes > 1:
        return _train_elsewhere(task, reporter)
    if joined is None:
        return _train(reporter, task)
    with losses_told():
        return _train(reporter, task)


def _train_elsewhere(task: Task, reporter: Reporter) -> TrainingResult:
    """Train in new processes; the last checkpoint, which they leave, is the result."""
    found = task.run.checkpoints.load_newest()
    speed = (float("nan"), float("nan"))
    if found is None or found[0] < task.run.total_steps:
        speed = launch(_train_copy, task, processes=task.run.settings.processes, reporter=reporter)
        found = task.run.checkpoints.load_newest()
    else:
        for row in found[1]["curves"]:
            report(reporter, row)
    assert found is not None
    assert found[0] == task.run.total_steps
    task.method.load_state_dict(found[1]["method"])
    return make_result(task.run, state=found[1]["method"], curves=found[1]["curves"], speed=speed)


def _train_copy(reporter: Reporter, task: Task) -> tuple[float, float]:
    """Train a copy of the method: torch sends tensors by sharing their memory with all processes."""
    result = _train(reporter, replace(task, method=copy.deepcopy(task.method)))
    return result.images_per_second, result.data_wait_share


def _train(reporter: Reporter, task: Task) -> TrainingResult:
    group = Group(task.run.settings)
    with _surroundings(threads=_threads(task.run.settings, group), device=group.device):
        trainer = Trainer(task, group=group, reporter=reporter if group.first else SilentReporter())
        trainer.resume()
        return trainer.train()


def _threads(settings: TrainingSettings, group: Group) -> int | None:
    if settings.threads is not None or group.size == 1 or group.device.type != "cpu":
        return settings.threads
    return min(torch.get_num_threads(), max(1, (os.cpu_count() or 1) // group.here))


@contextmanager
def _surroundings(*, threads: int | None, device: torch.device) -> Iterator[None]:
    """Set the thread count and shield the global generators for the length of a run."""
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        torch.set_num_threads(before)
