"""The training loop: one for all methods."""

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor

from simcore.backbones import normalise, state_fingerprint
from simcore.files import atomic_file
from simcore.methods import Method
from simcore.progress import progress
from simcore.training.batches import BatchStream
from simcore.training.checkpoints import Checkpoints
from simcore.training.data import Images, MakeViews, stream_views
from simcore.training.health import LossMonitor, feature_spread
from simcore.training.optimisers import create_optimiser
from simcore.training.reporter import Reporter, SilentReporter
from simcore.training.schedules import cosine_learning_rate
from simcore.training.settings import TrainingSettings

logger = logging.getLogger(__name__)

_FACTS = "run.json"
_PRECISION = {"float32": "32-true", "bfloat16": "bf16-mixed"}


@dataclass(frozen=True)
class TrainingResult:
    """What a training run leaves.

    Attributes:
        state: All parameters and buffers of the method, on the CPU.
        curves: One row per logged step: `step`, `loss` (mean since the row before), `learning_rate`,
            `feature_spread`.
        steps: Optimiser steps in all.
        batch_size: Images a step.
        images_per_second: Of this process; views of one image count once. NaN when nothing was left to train.
        data_wait_share: Share of the time spent waiting for views.
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

    Batches, views, learning rate and the generator of the method's own draws are functions of `(seed, step)`, so a
    run that was killed at any moment goes on from its last checkpoint as if nothing had happened: on a CPU with the
    same number of threads it ends with bit-identical weights. Running again with equal settings, data, seed and
    initial weights resumes by itself; with others it starts anew and says what differs.

    Args:
        method: Module to train; its weights are overwritten when a checkpoint is resumed.
        store: Images and keys by position.
        views: Draws the views of an image, with a seed of their own.
        settings: Length, optimiser, speed.
        seed: Seed of batches, views and the method's own draws.
        workdir: Folder for checkpoints; call `remove_work` on it once the result is stored.
        reporter: Receives the curves; of a resumed run also the part before.
        description: Label of the progress bar.

    Raises:
        InputError: If there are too few images.
        ArtefactError: If a checkpoint in the run's folder cannot be used.
        NonFiniteError: If the loss becomes NaN or infinite.
    """
    reporter = reporter or SilentReporter()
    run = _Run.plan(method, store, views=views, settings=settings, seed=seed, workdir=Path(workdir))
    fabric = Fabric(
        accelerator=settings.device,
        devices=1,
        precision=_PRECISION[settings.precision],
    )
    with _surroundings(threads=settings.threads, device=fabric.device):
        return _train(
            method, store, views=views, fabric=fabric, run=run, reporter=reporter, description=description
        )


@dataclass(frozen=True)
class _Run:
    """One run's fixed facts."""

    settings: TrainingSettings
    seed: int
    total_steps: int
    stream: BatchStream
    checkpoints: Checkpoints

    @classmethod
    def plan(
        cls,
        method: Method,
        store: Images,
        *,
        views: MakeViews,
        settings: TrainingSettings,
        seed: int,
        workdir: Path,
    ) -> "_Run":
        n = len(store)
        batch_size = settings.resolved_batch_size(n)
        total_steps = settings.resolved_steps(n)
        logger.info("%d images, batches of %d, %d steps", n, batch_size, total_steps)
        identity = {
            "settings": settings.identity()
            | {"batch_size": batch_size, "steps": total_steps, "epochs": None},
            "method": {"name": method.name} | method.hyper_parameters,
            "views": repr(views),
            "initial weights": state_fingerprint(method.state_dict()),
            "images": hashlib.sha256("\n".join(map(str, store.keys)).encode()).hexdigest(),
            "seed": seed,
        }
        fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        folder = workdir / fingerprint[:16]
        _note_other_runs(workdir, identity=identity, folder=folder)
        return cls(
            settings=settings,
            seed=seed,
            total_steps=total_steps,
            stream=BatchStream(n, batch_size=batch_size, seed=seed),
            checkpoints=Checkpoints(folder, fingerprint=fingerprint, keep=settings.keep_checkpoints),
        )

    def learning_rate(self, step: int) -> float:
        return cosine_learning_rate(
            step,
            total_steps=self.total_steps,
            peak=self.settings.learning_rate,
            floor=self.settings.learning_rate_floor,
            warmup_steps=self.settings.warmup_steps,
        )


def _note_other_runs(workdir: Path, *, identity: dict[str, Any], folder: Path) -> None:
    """Say when `workdir` holds an unfinished run that differs from this one, and in what; write this one's facts."""
    facts = {**identity, **identity["settings"], **{f"method {k}": v for k, v in identity["method"].items()}}
    for other in sorted(workdir.glob(f"*/{_FACTS}")):
        if other.parent == folder:
            continue
        values = json.loads(other.read_text(encoding="utf-8"))
        differing = sorted(
            name for name in facts.keys() | values.keys() if facts.get(name) != values.get(name)
        )
        logger.warning(
            "%s holds a run that differs in %s; it is not resumed, training starts anew. Remove that folder if it is "
            "no longer wanted.",
            other.parent,
            ", ".join(name for name in differing if name not in {"settings", "method"}),
        )
    if not (folder / _FACTS).exists():
        with atomic_file(folder / _FACTS) as partial:
            partial.write_text(json.dumps(facts, indent=2, sort_keys=True), encoding="utf-8")


@contextmanager
def _surroundings(*, threads: int | None, device: torch.device) -> Iterator[None]:
    """Set the thread count and shield the global generators for the length of a run."""
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    devices = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        torch.set_num_threads(before)


def _train(
    method: Method,
    store: Images,
    *,
    views: MakeViews,
    fabric: Fabric,
    run: _Run,
    reporter: Reporter,
    description: str,
) -> TrainingResult:
    settings = run.settings
    method.to(device=fabric.device, memory_format=_layout(settings)).train()
    optimiser = create_optimiser(method, settings=settings)
    found = run.checkpoints.load_newest()
    start, curves, losses = 0, [], []
    if found is not None:
        start, state = found
        method.load_state_dict(state["method"])
        optimiser.load_state_dict(state["optimiser"])
        curves, losses = state["curves"], state["losses"]
        logger.info("Going on from step %d of %d", start, run.total_steps)
        for row in curves:
            _report(row, reporter)
    model, wrapped = fabric.setup(torch.compile(method) if settings.compile else method, optimiser)
    monitor = LossMonitor(
        run.checkpoints.directory,
        keys_of=lambda step: store.keys[run.stream.batch(step)],
        learning_rate_of=run.learning_rate,
        values=losses,
    )
    batches = stream_views(
        store,
        views,
        run.stream,
        steps=range(start + 1, run.total_steps + 1),
        workers=settings.workers if start < run.total_steps else 0,
        pin_memory=fabric.device.type == "cuda",
    )
    bar = progress(
        range(start + 1, run.total_steps + 1), description=description, total=run.total_steps, unit="step"
    )
    bar.n = bar.initial = start
    waited, began, saved_at = 0.0, time.perf_counter(), time.monotonic()
    try:
        for step in bar:
            asked = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - asked
            inputs = [
                _prepare(view, settings=settings, device=fabric.device) for group in batch for view in group
            ]
            rate = run.learning_rate(step)
            for group in optimiser.param_groups:
                group["lr"] = rate
            torch.manual_seed(_step_seed(run.seed, step))
            output = model(inputs)
            monitor.add(output, step=step)
            fabric.backward(output.loss)
            wrapped.step()
            wrapped.zero_grad(set_to_none=True)
            method.after_step(step, total_steps=run.total_steps)
            if step % settings.log_every == 0 or step == run.total_steps:
                row = {
                    "step": step,
                    "loss": monitor.take_mean(),
                    "learning_rate": rate,
                    "feature_spread": feature_spread(output.features),
                }
                curves.append(row)
                _report(row, reporter)
                elapsed = time.perf_counter() - began
                speed = (step - start) * run.stream.batch_size / elapsed
                bar.set_postfix_str(
                    f"{speed:.0f} images/s, loss {row['loss']:.3f}, waiting {waited / elapsed:.0%}"
                )
            if time.monotonic() - saved_at >= settings.checkpoint_every_seconds or step == run.total_steps:
                monitor.read()
                state = {"method": method.state_dict(), "optimiser": optimiser.state_dict()}
                run.checkpoints.save({**state, "curves": curves, "losses": monitor.values}, step=step)
                saved_at = time.monotonic()
    finally:
        bar.close()
        # The last reference: without it the iterator's worker processes end, also when the traceback lives on.
        del batches
    elapsed = time.perf_counter() - began
    done = run.total_steps - start
    return TrainingResult(
        state={name: tensor.detach().cpu().clone() for name, tensor in method.state_dict().items()},
        curves=pd.DataFrame(curves, columns=["step", "loss", "learning_rate", "feature_spread"]),
        steps=run.total_steps,
        batch_size=run.stream.batch_size,
        images_per_second=done * run.stream.batch_size / elapsed if done else float("nan"),
        data_wait_share=waited / elapsed if done else float("nan"),
    )


def _prepare(view: Tensor, *, settings: TrainingSettings, device: torch.device) -> Tensor:
    pixels = normalise(view.to(device, non_blocking=True), mean=settings.mean, std=settings.std)
    return pixels.contiguous(memory_format=_layout(settings))


def _layout(settings: TrainingSettings) -> torch.memory_format:
    return torch.channels_last if settings.channels_last else torch.contiguous_format


def _step_seed(seed: int, step: int) -> int:
    """Return the seed of the method's own draws (dropout, masks) at `step`: 63 bits, mixed so that none repeat."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{step}".encode(), digest_size=8).digest(), "big") >> 1


def _report(row: Mapping[str, Any], reporter: Reporter) -> None:
    reporter.log({name: value for name, value in row.items() if name != "step"}, step=row["step"])
