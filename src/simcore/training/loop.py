"""The training loop: one for all methods."""

import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor

from simcore.backbones import normalise
from simcore.errors import InputError
from simcore.methods import Method
from simcore.progress import progress
from simcore.training.data import Images, MakeViews, stream_views
from simcore.training.health import LossMonitor, feature_spread
from simcore.training.optimisers import create_optimiser
from simcore.training.reporter import Reporter, SilentReporter
from simcore.training.run import Run, plan_run
from simcore.training.settings import TrainingSettings

logger = logging.getLogger(__name__)

CURVES = ("step", "loss", "learning_rate", "feature_spread")
_PRECISION: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}


@dataclass(frozen=True)
class TrainingResult:
    """What a training run leaves.

    Attributes:
        state: All parameters and buffers of the method, on the CPU.
        curves: One row per logged step: `step`, `loss` (mean since the row before), `learning_rate`,
            `feature_spread`.
        steps: Optimiser steps in all.
        batch_size: Images a step.
        images_per_second: Of this process; the views of one image count once. NaN when nothing was left to
            train.
        data_wait_share: Share of the time spent waiting for views; NaN likewise.
    """

    state: dict[str, Tensor]
    curves: pd.DataFrame
    steps: int
    batch_size: int
    images_per_second: float
    data_wait_share: float


def pretrain(
    method: Method,
    store: Images,
    *,
    views: MakeViews,
    settings: TrainingSettings,
    seed: int,
    workdir: str | Path,
    reporter: Reporter | None = None,
    description: str = "pretrain",
) -> TrainingResult:
    """Return the result of training `method` in place on the images of `store`.

    Batches, views, learning rate and the generator of the method's own draws are functions of (seed, step),
    so a run that was killed at any moment goes on from its last checkpoint as if nothing had happened: on a
    CPU with the same number of threads it ends with bit-identical weights. Running again with equal settings,
    data, seed and initial weights resumes by itself; with others it starts anew and says what differs.

    Args:
        method: Module to train; its weights are overwritten when a checkpoint is resumed.
        store: Images and keys by position.
        views: Draws the views of an image, with a seed of their own.
        settings: Length, optimiser, speed.
        seed: Seed of batches and of the method's own draws.
        workdir: Folder for checkpoints; call `remove_work` on it once the result is stored.
        reporter: Receives the curves; of a resumed run also the part before.
        description: Label of the progress bar.

    Raises:
        InputError: If there are too few images, or the settings do not fit them.
        ArtefactError: If a checkpoint in the run's folder cannot be used.
        SimCoreError: If a checkpoint cannot be written.
        NonFiniteError: If the loss becomes NaN or infinite.
    """
    run = plan_run(method, store, views=views, settings=settings, seed=seed, workdir=Path(workdir))
    fabric = Fabric(accelerator=_available(settings), devices=1, precision=_PRECISION[settings.precision])
    with _surroundings(threads=settings.threads, device=fabric.device):
        trainer = _Trainer(method, store, views=views, run=run, fabric=fabric, reporter=reporter or SilentReporter())
        trainer.resume()
        return trainer.train(description=description)


def _available(settings: TrainingSettings) -> str:
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(settings.device, True):
        raise InputError(
            f"`device` is {settings.device} but PyTorch {torch.__version__} sees no such device here; use "
            "`cpu` or `auto`, or install a PyTorch build for it."
        )
    return settings.device


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

    def __init__(
        self, method: Method, store: Images, *, views: MakeViews, run: Run, fabric: Fabric, reporter: Reporter
    ) -> None:
        self.store = store
        self.views = views
        self.run = run
        self.fabric = fabric
        self.reporter = reporter
        self.method = method.to(fabric.device).to(memory_format=_layout(run.settings)).train()
        self.optimiser = create_optimiser(method, settings=run.settings)
        module: Any = torch.compile(method) if run.settings.compile else method
        self.model, self.stepper = fabric.setup(module, self.optimiser)
        self.monitor = LossMonitor(
            run.checkpoints.directory,
            keys_of=lambda step: store.keys[run.stream.batch(step)],
            learning_rate_of=run.learning_rate,
        )
        self.curves: list[dict[str, Any]] = []
        self.start = 0

    def resume(self) -> None:
        """Take over the newest checkpoint, if there is one."""
        found = self.run.checkpoints.load_newest()
        if found is None:
            return
        self.start, state = found
        logger.info("Going on from step %d of %d", self.start, self.run.total_steps)
        self.method.load_state_dict(state["method"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.curves = state["curves"]
        self.monitor.values = state["losses"]
        for row in self.curves:
            self._report(row)

    def train(self, *, description: str) -> TrainingResult:
        """Take the steps that are left."""
        settings, total = self.run.settings, self.run.total_steps
        steps = range(self.start + 1, total + 1)
        clock = _Clock(images_per_step=self.run.stream.batch_size)
        batches = stream_views(
            self.store,
            self.views,
            self.run.stream,
            steps=steps,
            workers=settings.workers if steps else 0,
            pin_memory=self.fabric.device.type == "cuda",
        )
        bar = progress(steps, description=description, total=total, unit="step")
        bar.n = bar.initial = self.start
        saved_at = time.monotonic()
        try:
            for step in bar:
                with clock.waiting():
                    batch = next(batches)
                features = self._step(batch, step=step)
                clock.steps += 1
                if step % settings.log_every == 0 or step == total:
                    row = self._log(features, step=step)
                    bar.set_postfix_str(f"{clock}, loss {row['loss']:.3f}", refresh=False)
                if step == total or time.monotonic() - saved_at >= settings.checkpoint_every_seconds:
                    self._save(step)
                    saved_at = time.monotonic()
        finally:
            bar.close()
            # The last reference to the iterator: its worker processes end here, also on Ctrl-C, and not when
            # the traceback is dropped.
            del batches
        return TrainingResult(
            state={name: tensor.detach().cpu().clone() for name, tensor in self.method.state_dict().items()},
            curves=pd.DataFrame(self.curves, columns=list(CURVES)),
            steps=total,
            batch_size=self.run.stream.batch_size,
            images_per_second=clock.images_per_second,
            data_wait_share=clock.wait_share,
        )

    def _step(self, batch: list[Tensor], *, step: int) -> Tensor:
        """Take optimiser step `step` and return the detached features of one view."""
        inputs = [self._prepare(view) for group in batch for view in group]
        for group in self.optimiser.param_groups:
            group["lr"] = self.run.learning_rate(step)
        torch.manual_seed(_step_seed(self.run.seed, step))
        output = self.model(inputs)
        self.monitor.add(output, step=step)
        self.fabric.backward(output.loss)
        self.stepper.step()
        self.stepper.zero_grad(set_to_none=True)
        self.method.after_step(step, total_steps=self.run.total_steps)
        return output.features

    def _prepare(self, view: Tensor) -> Tensor:
        settings = self.run.settings
        pixels = view.to(self.fabric.device, non_blocking=True)
        return normalise(pixels, mean=settings.mean, std=settings.std).contiguous(memory_format=_layout(settings))

    def _log(self, features: Tensor, *, step: int) -> dict[str, Any]:
        row = {
            "step": step,
            "loss": self.monitor.take_mean(),
            "learning_rate": self.run.learning_rate(step),
            "feature_spread": feature_spread(features),
        }
        self.curves.append(row)
        self._report(row)
        return row

    def _report(self, row: dict[str, Any]) -> None:
        self.reporter.log({name: value for name, value in row.items() if name != "step"}, step=row["step"])

    def _save(self, step: int) -> None:
        self.monitor.read()
        state = {
            "method": self.method.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "curves": self.curves,
            "losses": self.monitor.values,
        }
        self.run.checkpoints.save(state, step=step)


class _Clock:
    """Measures speed and the share of time spent waiting for data; its text goes into the progress bar."""

    def __init__(self, *, images_per_step: int) -> None:
        self.images_per_step = images_per_step
        self.steps = 0
        self._began = time.perf_counter()
        self._waited = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time of the block as waiting."""
        asked = time.perf_counter()
        yield
        self._waited += time.perf_counter() - asked

    @property
    def images_per_second(self) -> float:
        """Images trained on per second so far; NaN before the first step."""
        elapsed = time.perf_counter() - self._began
        return self.steps * self.images_per_step / elapsed if self.steps else float("nan")

    @property
    def wait_share(self) -> float:
        """Share of the time so far spent waiting; NaN before the first step."""
        return self._waited / (time.perf_counter() - self._began) if self.steps else float("nan")

    def __str__(self) -> str:
        return f"{self.images_per_second:.0f} images/s, waiting {self.wait_share:.0%}"


def _layout(settings: TrainingSettings) -> torch.memory_format:
    return torch.channels_last if settings.channels_last else torch.contiguous_format


def _step_seed(seed: int, step: int) -> int:
    """Return the seed of the method's own draws (dropout, masks) at `step`: 63 well-mixed bits."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{step}".encode(), digest_size=8).digest(), "big") >> 1
