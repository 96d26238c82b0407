"""What goes on in one process of a training run: steps, curves, checkpoints."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch import Tensor, nn

from simcore.methods import Method
from simcore.progress import progress
from simcore.training.batches import Share
from simcore.training.beside import Beside
from simcore.training.clock import Clock
from simcore.training.data import Images, MakeDeviceViews, MakeViews, stream_resident, stream_views
from simcore.training.evaluating import evaluating
from simcore.training.group import Group
from simcore.training.health import LossMonitor, feature_spread
from simcore.training.refreshing import Refresh, Refresher
from simcore.training.renewal import Renewal, Stages
from simcore.training.reporter import Reporter
from simcore.training.run import Run
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
        batch_size: Images of the store a step; those that go beside do not count.
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
class Task:
    """What a process needs to train; it travels to launched ones."""

    method: Method
    store: Images
    views: MakeViews | MakeDeviceViews
    run: Run
    probe: Probe | None
    beside: Beside | None
    renewal: Renewal | None
    refresh: Refresh | None
    description: str


class Trainer:
    """What changes during a run.

    Args:
        task: What is trained on what.
        group: The processes of the run; this is one of them.
        reporter: Receives the curves.
    """

    def __init__(self, task: Task, *, group: Group, reporter: Reporter) -> None:
        self.task = task
        self.run = task.run
        self.group = group
        self.reporter = reporter
        self.share = Share(rank=group.rank, processes=group.size, passes=self.run.settings.accumulate)
        self.stepper = Stepper(task.method, run=self.run, group=group, share=self.share)
        folder = self.run.checkpoints.directory
        self.stages = Stages(task.store, renewal=task.renewal, folder=folder, group=group)
        self.monitor = LossMonitor(folder, keys_of=self._keys, learning_rate_of=self.run.learning_rate, group=group)
        self.refresher = Refresher(task.refresh, group=group)
        self.beside = None
        if task.beside is not None:
            self.beside = task.beside.source(seed=self.run.seed, parts=self.run.settings.parts)
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
            report(self.reporter, row)

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
        return make_result(self.run, state=state, curves=self.curves, speed=speed)

    def _train_stage(self, store: Images, steps: range, bar: Any) -> None:
        """Take `steps`, which read the same images."""
        batches = self._stream(store, steps)
        try:
            for step in steps:
                if self.refresher.due(step):
                    with self.clock.apart():
                        self.refresher.renew(self.stepper.method, step=step)
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
            beside=self.beside,
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
        self.clock.images += self.run.stream.size(step) + (0 if self.beside is None else self.beside.stream.size(step))
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
        report(self.reporter, row)
        return row

    def _keys(self, step: int) -> list[str]:
        """Return the keys of a step's images in this process: those of the store, then those beside."""
        keys = list(self.stages.store.keys[self.share.whole(self.run.stream.batch(step))])
        if self.beside is not None:
            keys += list(self.beside.store.keys[self.share.whole(self.beside.stream.batch(step))])
        return [str(key) for key in keys]

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


def make_result(
    run: Run, *, state: dict[str, Tensor], curves: list[dict[str, Any]], speed: tuple[float, float]
) -> TrainingResult:
    """Return the result of `run`, its `speed` as images per second and share of waiting."""
    return TrainingResult(
        state=state,
        curves=pd.DataFrame(curves),
        steps=run.total_steps,
        batch_size=run.stream.batch_size,
        images_per_second=speed[0],
        data_wait_share=speed[1],
    )


def report(reporter: Reporter, row: Mapping[str, Any]) -> None:
    """Tell `reporter` a row of the curves."""
    reporter.log({name: value for name, value in row.items() if name != "step"}, step=row["step"])
