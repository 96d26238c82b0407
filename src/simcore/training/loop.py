"""The training loop: one for all methods."""

import copy
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from simcore.methods import Method
from simcore.progress import progress
from simcore.training.batches import Share
from simcore.training.clock import Clock
from simcore.training.data import Images, MakeDeviceViews, MakeViews, stream_resident, stream_views
from simcore.training.evaluating import evaluating
from simcore.training.group import Group, check_device, joined_size
from simcore.training.health import LossMonitor, feature_spread
from simcore.training.launch import launch
from simcore.training.renewal import Renewal, Stages
from simcore.training.reporter import Reporter, SilentReporter
from simcore.training.run import Run, plan_run
from simcore.training.settings import TrainingSettings
from simcore.training.stepping import Stepper

logger = logging.getLogger(__name__)

Probe = Callable[[nn.Module], Mapping[str, float]]
"""Gets a method's `probed` network in evaluation mode and returns figures by name, such as an online kNN's."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training run leaves.

    Attributes:
        state: All parameters and buffers of the method, on the CPU.
        curves: One row per logged step: `step`, `loss` (mean since the row before), `learning_rate`,
            `feature_spread`, `weight_decay` where it is scheduled, what the method adds, what the probe returns.
        steps: Optimiser steps in all.
        batch_size: Images a step.
        images_per_second: Of all processes together; the views of one image count once. NaN when nothing was
            left to train.
        data_wait_share: Share of the time that the (first) process waited for views; NaN likewise.
    """

    state: dict[str, Tensor]
    curves: pd.DataFrame
    steps: int
    batch_size: int
    images_per_second: float
    data_wait_share: float


@dataclass(frozen=True)
class _Task:
    """What a process needs to train; it travels to launched ones."""

    method: Method
    store: Images
    views: MakeViews | MakeDeviceViews
    run: Run
    probe: Probe | None
    renewal: Renewal | None
    description: str


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
        write=int(os.environ.get("RANK", "0")) == 0,
    )
    task = _Task(method, store, views=views, run=run, probe=probe, renewal=renewal, description=description)
    if joined is None and settings.processes > 1:
        return _train_elsewhere(task, reporter)
    return _train(reporter, task)


def _train_elsewhere(task: _Task, reporter: Reporter) -> TrainingResult:
    """Train in new processes; the last checkpoint, which they leave, is the result."""
    found = task.run.checkpoints.load_newest()
    speed = (float("nan"), float("nan"))
    if found is None or found[0] < task.run.total_steps:
        speed = launch(_train_copy, task, processes=task.run.settings.processes, reporter=reporter)
        found = task.run.checkpoints.load_newest()
    else:
        for row in found[1]["curves"]:
            _report(reporter, row)
    assert found is not None
    assert found[0] == task.run.total_steps
    task.method.load_state_dict(found[1]["method"])
    return _result(task.run, state=found[1]["method"], curves=found[1]["curves"], speed=speed)


def _train_copy(reporter: Reporter, task: _Task) -> tuple[float, float]:
    """Train a copy of the method: torch sends tensors by sharing their memory with all processes."""
    result = _train(reporter, replace(task, method=copy.deepcopy(task.method)))
    return result.images_per_second, result.data_wait_share


def _train(reporter: Reporter, task: _Task) -> TrainingResult:
    group = Group(task.run.settings)
    with _surroundings(threads=_threads(task.run.settings, group), device=group.device):
        trainer = _Trainer(task, group=group, reporter=reporter if group.first else SilentReporter())
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


class _Trainer:
    """What changes during a run."""

    def __init__(self, task: _Task, *, group: Group, reporter: Reporter) -> None:
        self.task = task
        self.run = task.run
        self.group = group
        self.reporter = reporter
        self.share = Share(rank=group.rank, processes=group.size, passes=self.run.settings.accumulate)
        self.stepper = Stepper(task.method, run=self.run, group=group, share=self.share)
        folder = self.run.checkpoints.directory
        self.stages = Stages(task.store, renewal=task.renewal, folder=folder, group=group)
        self.monitor = LossMonitor(folder, keys_of=self._keys, learning_rate_of=self.run.learning_rate, group=group)
        self.clock = Clock()
        self.curves: list[dict[str, Any]] = []
        self.start = 0
        self._saved_at = time.monotonic()

    def resume(self) -> None:
        """Take over the newest checkpoint, if there is one."""
        found = self.group.share(self.run.checkpoints.load_newest() if self.group.first else None)
        if found is None:
            return
        self.start, state = found
        logger.info("Going on from step %d of %d", self.start, self.run.total_steps)
        self.stepper.method.load_state_dict(state["method"])
        self.stepper.optimiser.load_state_dict(state["optimiser"])
        self.curves = state["curves"]
        self.monitor.values = state["losses"]
        for row in self.curves:
            _report(self.reporter, row)

    def train(self) -> TrainingResult:
        """Take the steps that are left."""
        total = self.run.total_steps
        bar = None
        if self.group.first:
            bar = progress((), description=self.task.description, total=total, unit="step")
            bar.n = bar.initial = self.start
        try:
            for steps in self.stages.cut(range(self.start + 1, total + 1)):
                with self.clock.apart():
                    store = self.stages.enter(steps.start, self.stepper.method)
                self._train_stage(store, steps, bar)
        finally:
            if bar is not None:
                bar.close()
        state = {name: tensor.detach().cpu().clone() for name, tensor in self.stepper.method.state_dict().items()}
        speed = (self.clock.images_per_second, self.clock.wait_share)
        return _result(self.run, state=state, curves=self.curves, speed=speed)

    def _train_stage(self, store: Images, steps: range, bar: Any) -> None:
        """Take `steps`, which read the same images."""
        batches = self._stream(store, steps)
        try:
            for step in steps:
                with self.clock.waiting():
                    passes = [next(batches) for _ in range(self.share.passes)]
                self._take(passes, step=step, bar=bar)
        finally:
            # The last reference to the iterator: its worker processes end here, also on Ctrl-C, and not when
            # the traceback is dropped.
            del batches

    def _stream(self, store: Images, steps: range) -> Iterator[Any]:
        settings, on_device = self.run.settings, self.run.settings.views_on == "device"
        if on_device and getattr(store, "cached", False):
            return stream_resident(store, self.run.stream, steps=steps, share=self.share, device=self.group.device)
        return stream_views(
            store,
            self.task.views,
            self.run.stream,
            steps=steps,
            workers=settings.workers,
            pin_memory=self.group.device.type == "cuda",
            share=self.share,
            on_device=on_device,
        )

    def _take(self, passes: list[Any], *, step: int, bar: Any) -> None:
        settings = self.run.settings
        ends = step == self.run.total_steps or step in self.stages.ends
        probes = self._probes(step)
        logs = step % settings.log_every == 0 or probes or step == self.run.total_steps
        # On a GPU reading a loss would make the device wait for the next step's launch.
        reads = logs or ends or self.group.device.type == "cpu"
        groups = [self._draw(part, step) for part in passes]
        features = self.stepper.step(groups, step=step, monitor=self.monitor, read=reads)
        self.clock.images += self.run.stream.size(step)
        if bar is not None:
            bar.update()
        if logs:
            row = self._log(features, step=step, probes=probes)
            if bar is not None:
                bar.set_postfix_str(f"{self.clock}, loss {row['loss']:.3f}", refresh=False)
        if reads and (ends or self._due()):
            self._save(step)

    def _draw(self, part: Any, step: int) -> list[Tensor]:
        if isinstance(part, list):
            return part
        views: Any = self.task.views
        return views(part.images(), step=step, keys=part.keys, device=self.group.device)

    def _probes(self, step: int) -> bool:
        if self.task.probe is None:
            return False
        every = self.run.settings.probe_every_steps
        return step == self.run.total_steps or (every is not None and step % every == 0)

    def _log(self, features: Tensor, *, step: int, probes: bool) -> dict[str, Any]:
        row: dict[str, Any] = {
            "step": step,
            "loss": self.monitor.take_mean(),
            "learning_rate": self.run.learning_rate(step),
            "feature_spread": feature_spread(self.group.rows(features)),
        }
        if self.run.settings.weight_decay_end is not None:
            row["weight_decay"] = self.run.weight_decay(step)
        figures = dict(self.stepper.method.curves())
        if probes and self.group.first:
            assert self.task.probe is not None
            network = self.stepper.method.probed
            with self.clock.apart(), evaluating(network, device=self.group.device):
                figures |= self.task.probe(network)
        row |= {name: float(value) for name, value in figures.items()}
        self.curves.append(row)
        _report(self.reporter, row)
        return row

    def _keys(self, step: int) -> list[str]:
        return [str(key) for key in self.stages.store.keys[self.share.whole(self.run.stream.batch(step))]]

    def _due(self) -> bool:
        every = self.run.settings.checkpoint_every_seconds
        return self.group.decide(time.monotonic() - self._saved_at >= every)

    def _save(self, step: int) -> None:
        if self.group.first:
            state = {
                "method": self.stepper.method.state_dict(),
                "optimiser": self.stepper.optimiser.state_dict(),
                "curves": self.curves,
                "losses": self.monitor.values,
            }
            self.run.checkpoints.save(state, step=step)
        self._saved_at = time.monotonic()


def _result(
    run: Run, *, state: dict[str, Tensor], curves: list[dict[str, Any]], speed: tuple[float, float]
) -> TrainingResult:
    return TrainingResult(
        state=state,
        curves=pd.DataFrame(curves),
        steps=run.total_steps,
        batch_size=run.stream.batch_size,
        images_per_second=speed[0],
        data_wait_share=speed[1],
    )


def _report(reporter: Reporter, row: Mapping[str, Any]) -> None:
    reporter.log({name: value for name, value in row.items() if name != "step"}, step=row["step"])
