"""What a training will cost, before it runs: images, steps, disk, and time from a short measured probe."""

import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import torch

from simcore.methods import Method
from simcore.training.beside import Beside
from simcore.training.data import Images, MakeDeviceViews, MakeViews
from simcore.training.loop import pretrain
from simcore.training.settings import TrainingSettings

_UNCOUNTED_STEPS = 2
_STATES = {"sgd": 1, "adam": 2, "adamw": 2}
"""Tensors of a parameter's size that an optimiser keeps."""


@dataclass(frozen=True)
class Speed:
    """What the probe measured.

    Attributes:
        seconds_per_image: Median over the timed steps, all views of an image and the wait for data included.
        batch_size: Images a step of the probe.
        steps: Timed steps.
        device: Where it ran.
        processes: Processes of the runs that it stands for.
    """

    seconds_per_image: float
    batch_size: int
    steps: int
    device: str
    processes: int = 1


@dataclass(frozen=True)
class Cost:
    """What one training takes.

    Attributes:
        images: Size of the training set.
        batch_size: Images a step.
        epochs: Passes over the training set.
        steps: Optimiser steps.
        images_seen: Images trained on in all.
        hours: Of training, on the machine of the probe.
        gpu_hours: `hours` times the GPUs used; None where the probe ran on no GPU.
        disk_gib: Encoder and kept checkpoints.
    """

    images: int
    batch_size: int
    epochs: float
    steps: int
    images_seen: int
    hours: float
    gpu_hours: float | None
    disk_gib: float


@dataclass
class _Stopwatch:
    """A reporter that notes when each step was logged."""

    times: list[float] = field(default_factory=list)

    def log(self, metrics: Mapping[str, float], *, step: int) -> None:
        del metrics, step
        self.times.append(time.perf_counter())


def measure_speed(
    method: Method,
    store: Images,
    *,
    views: MakeViews | MakeDeviceViews,
    settings: TrainingSettings,
    seed: int = 0,
    steps: int = 5,
    max_batch_size: int | None = None,
    beside: Beside | None = None,
) -> Speed:
    """Return how fast `pretrain` takes steps here, from a few of them in a folder that is removed again.

    The first steps, in which workers start and kernels are chosen, do not count; the median of the others does. The
    method's weights are moved: give one made for the probe.

    Args:
        method: What will be trained.
        store: Images like those it will be trained on.
        views: Their views.
        settings: As of the run to be planned; length, logging and checkpoints do not matter.
        seed: Seed of the probe.
        steps: Steps to time.
        max_batch_size: Largest batch of the probe. On a CPU the time of a step grows with the batch, so that a small
            one tells as much; on a GPU give None, which takes the batch of the run.
        beside: Images like those that will go along, as many a step as are in the batch; their time counts for the
            images of the batch.

    Raises:
        InputError: As `pretrain`.
    """
    batch_size = settings.resolved_batch_size(len(store))
    if max_batch_size is not None:
        batch_size = max(2, min(batch_size, max_batch_size))
    probe = settings.model_copy(
        update={
            "steps": steps + _UNCOUNTED_STEPS,
            "epochs": None,
            "batch_size": batch_size,
            "warmup_steps": 0,
            "warmup_epochs": None,
            "log_every": 1,
            "checkpoint_every_seconds": math.inf,
            "processes": 1,
            "probe_every_steps": None,
        }
    )
    watch = _Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        pretrain(
            method,
            store,
            views=views,
            settings=probe,
            seed=seed,
            workdir=folder,
            reporter=watch,
            description="probe",
            beside=None if beside is None else replace(beside, batch_size=batch_size),
        )
    # The last step writes a checkpoint before the run ends, after it was logged.
    gaps = [later - earlier for earlier, later in zip(watch.times, watch.times[1:], strict=False)]
    timed = gaps[_UNCOUNTED_STEPS - 1 :]
    device = next(method.parameters()).device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return Speed(median(timed) / batch_size, batch_size, len(timed), name, settings.processes)


def estimate_cost(*, n_images: int, settings: TrainingSettings, method: Method, speed: Speed) -> Cost:
    """Return the cost of training `method` on `n_images` at the measured `speed`.

    Steps and images are exact. Hours take the time an image to be the same in every step, and `speed.processes` times
    shorter with as many processes, which is the least it can be.

    Args:
        n_images: Size of the training set.
        settings: Resolved: its length in steps or epochs.
        method: For the size of its state.
        speed: From `measure_speed`.

    Raises:
        InputError: If the training set is smaller than a fixed batch.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> from simcore.methods import SimCLR
        >>> method = SimCLR(create_backbone("resnet10_small"))
        >>> speed = Speed(seconds_per_image=0.001, batch_size=64, steps=5, device="cpu")
        >>> cost = estimate_cost(n_images=120, settings=TrainingSettings(epochs=600), method=method, speed=speed)
        >>> cost.batch_size, cost.steps, cost.images_seen, round(cost.hours * 3600), cost.gpu_hours
        (120, 600, 72000, 72, None)
    """
    stream, steps = settings.stream(n_images, seed=0), settings.resolved_steps(n_images)
    whole, rest = divmod(steps, stream.steps_per_epoch)
    images_seen = whole * stream.images_per_epoch + rest * stream.batch_size
    hours = images_seen * speed.seconds_per_image / speed.processes / 3600
    return Cost(
        images=n_images,
        batch_size=stream.batch_size,
        epochs=round(steps / stream.steps_per_epoch, 2),
        steps=steps,
        images_seen=images_seen,
        hours=hours,
        gpu_hours=None if speed.device in ("cpu", "mps") else hours * speed.processes,
        disk_gib=sum(state_bytes(method, settings)) / 2**30,
    )


def state_bytes(method: Method, settings: TrainingSettings) -> tuple[int, int]:
    """Return the bytes of the encoder, and of the checkpoints kept while one more is written before the oldest goes.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> from simcore.methods import SimCLR
        >>> state_bytes(SimCLR(create_backbone("resnet18")), TrainingSettings(steps=1, keep_checkpoints=1))
        (44744608, 184154432)
    """
    state = _bytes(method.state_dict().values())
    trained = _bytes(parameter for parameter in method.parameters() if parameter.requires_grad)
    checkpoint = state + _STATES[settings.optimiser] * trained
    return _bytes(method.encoder.state_dict().values()), (settings.keep_checkpoints + 1) * checkpoint


def _bytes(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
