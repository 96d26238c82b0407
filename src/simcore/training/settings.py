"""Settings of one pretraining run."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simcore.backbones import IMAGENET_MEAN, IMAGENET_STD
from simcore.errors import InputError
from simcore.training.batches import SMALLEST_PART, BatchStream


class TrainingSettings(BaseModel):
    """How a network is trained; refuses unknown names and values that cannot work.

    `runtime_only` names the fields that decide how fast a run is, not what it computes: they stay out of its
    fingerprint. (Results are bit-identical for equal values of all fields; another thread count or `compile`
    rounds sums in another order.)

    Attributes:
        steps: Optimiser steps; give this or `epochs`.
        epochs: Passes over the data; an epoch is `n // batch_size` steps, one more with a smaller last batch.
        batch_size: Images of an optimiser step, over all processes, no image twice; `auto` takes
            min(`max_batch_size`, number of images).
        max_batch_size: Upper end of `auto`; 512 in the paper.
        drop_last: Whether the images left over after an epoch's whole batches are dropped (another epoch leaves
            out others); otherwise they make a smaller batch, unless that would be a single image, which is
            dropped.
        accumulate: Equal parts of a batch that pass one after the other, their gradients added up: less memory,
            not quite the same training. Batch norm then takes its statistics over a part, and a loss that
            compares the images of a batch (SimCLR's negatives, SwAV's assignments) compares those of a part.
        optimiser: `sgd` (Nesterov), `adam` or `adamw`.
        learning_rate: Where the schedule of the rate starts.
        schedule: `cosine` falls to the floor in half a cosine, `poly` to zero as (1 - t / E)^`power` of the steps, and
            `steps` multiplies the rate by `decay_factor` after each of `decay_after_epochs`.
        learning_rate_floor: Where the cosine ends, as a share of `learning_rate`.
        power: Exponent of `poly`.
        decay_after_epochs: Epochs, increasing, after which `steps` lowers the rate.
        decay_factor: What `steps` multiplies the rate by.
        schedule_per: Whether rate and weight decay change at every `step` or stay the same over an `epoch`
            (epoch e of E takes the cosine at e / E, so that the last one trains at the floor).
        warmup_steps: Steps of linear rise from a tenth of `learning_rate` to the cosine.
        warmup_epochs: The same in epochs; give one of the two.
        weight_decay: On all parameters with `sgd` and `adam`; with `adamw` not on biases and norms.
        weight_decay_end: Where a cosine from `weight_decay` ends; null keeps it constant.
        clip_gradient: Largest norm of all gradients together; null does not clip.
        momentum: Of `sgd`.
        betas: Of `adam` and `adamw`.
        mean: Per-channel mean of pixel values in [0, 1], subtracted from the views; ImageNet's in the paper.
        std: Per-channel standard deviation that the views are divided by.
        precision: `float32`, or `bfloat16` for automatic mixed precision.
        views_on: `workers` makes views one image at a time beside the model; `device` makes those of a batch at
            once where the model is, from images that workers decode, or that are there already when the store
            has their pixels in memory. The views drawn are others.
        processes: Processes of this machine that share each batch, one a GPU (or, on a CPU, sharing its cores).
            Each takes an equal part. A run started by `torchrun` takes the number of that.
        sync_batch_norm: Batch norm over the batch of all processes; GPUs only.
        log_every: Steps between two points of the curves.
        probe_every_steps: Steps between two calls of the probe given to `pretrain`; null calls it at the end.
        threads: Threads of a CPU run, for each process; null leaves PyTorch's count, or shares the cores.
        workers: Processes that make views, for each process that trains; 0 makes them between the steps.
        checkpoint_every_seconds: Time between two checkpoints.
        keep_checkpoints: Newest checkpoints kept.
        channels_last: Memory layout that CPUs and tensor cores convolve faster in.
        compile: Pass the method through `torch.compile`.
        compile_mode: What `torch.compile` optimises for.
        device: `auto` takes a GPU when there is one; or `cpu`, `cuda`, `mps`.

    Example:
        >>> TrainingSettings(steps=100, learning_rate=1e-3, optimiser="adamw").batch_size
        'auto'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    runtime_only: ClassVar[frozenset[str]] = frozenset(
        {
            "log_every",
            "probe_every_steps",
            "threads",
            "workers",
            "checkpoint_every_seconds",
            "keep_checkpoints",
            "channels_last",
            "compile",
            "compile_mode",
            "device",
        }
    )

    steps: int | None = Field(default=None, ge=1)
    epochs: int | None = Field(default=None, ge=1)
    batch_size: int | Literal["auto"] = "auto"
    max_batch_size: int = Field(default=512, ge=2)
    drop_last: bool = True
    accumulate: int = Field(default=1, ge=1)
    optimiser: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: float = Field(default=0.1, gt=0)
    schedule: Literal["cosine", "poly", "steps"] = "cosine"
    learning_rate_floor: float = Field(default=0.0, ge=0, le=1)
    power: float = Field(default=0.9, gt=0)
    decay_after_epochs: tuple[int, ...] = ()
    decay_factor: float = Field(default=0.1, gt=0, lt=1)
    schedule_per: Literal["step", "epoch"] = "step"
    warmup_steps: int = Field(default=0, ge=0)
    warmup_epochs: float | None = Field(default=None, ge=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    weight_decay_end: float | None = Field(default=None, ge=0)
    clip_gradient: float | None = Field(default=None, gt=0)
    momentum: float = Field(default=0.9, gt=0, lt=1)
    betas: tuple[float, float] = (0.9, 0.999)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    precision: Literal["float32", "bfloat16"] = "float32"
    views_on: Literal["workers", "device"] = "workers"
    processes: int = Field(default=1, ge=1)
    sync_batch_norm: bool = False
    log_every: int = Field(default=20, ge=1)
    probe_every_steps: int | None = Field(default=None, ge=1)
    threads: int | None = Field(default=None, ge=1)
    workers: int = Field(default=1, ge=0)
    checkpoint_every_seconds: float = Field(default=120.0, ge=0)
    keep_checkpoints: int = Field(default=2, ge=1)
    channels_last: bool = True
    compile: bool = False
    compile_mode: Literal["default", "reduce-overhead", "max-autotune"] = "default"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"

    @model_validator(mode="after")
    def _check_together(self) -> "TrainingSettings":
        if (self.steps is None) == (self.epochs is None):
            raise ValueError(
                f"give either `steps` or `epochs`, not both or none (steps={self.steps}, epochs={self.epochs})"
            )
        if bool(self.decay_after_epochs) != (self.schedule == "steps"):
            raise ValueError(
                f"`decay_after_epochs` is {list(self.decay_after_epochs)} and `schedule` is {self.schedule}; the "
                "schedule `steps` needs at least one epoch to fall after, the others take none"
            )
        if (
            list(self.decay_after_epochs) != sorted(set(self.decay_after_epochs))
            or min(self.decay_after_epochs, default=1) < 1
        ):
            raise ValueError(
                f"`decay_after_epochs` is {list(self.decay_after_epochs)}; epochs count from 1 and must increase"
            )
        if self.warmup_steps and self.warmup_epochs:
            raise ValueError(
                f"give either `warmup_steps` or `warmup_epochs`, not both ({self.warmup_steps}, {self.warmup_epochs})"
            )
        if isinstance(self.batch_size, int):
            if self.batch_size < SMALLEST_PART:
                raise ValueError(f"`batch_size` is {self.batch_size}; a batch needs at least 2 images")
            if self.batch_size % self.parts or self.batch_size < SMALLEST_PART * self.parts:
                raise ValueError(
                    f"`batch_size` is {self.batch_size}; with {self.processes} processes and `accumulate` = "
                    f"{self.accumulate} it is cut into {self.parts} equal parts of at least 2 images, so it must be "
                    f"a multiple of {self.parts}, from {SMALLEST_PART * self.parts} on"
                )
        return self

    @property
    def parts(self) -> int:
        """Equal parts that a batch is cut into: processes times parts that each takes one after the other."""
        return self.processes * self.accumulate

    def with_processes(self, processes: int) -> "TrainingSettings":
        """Return these settings for another number of processes.

        Raises:
            InputError: If `batch_size` cannot be shared by so many.

        Example:
            >>> TrainingSettings(steps=1, batch_size=8).with_processes(4).parts
            4
        """
        try:
            return type(self).model_validate({**self.model_dump(exclude_unset=True), "processes": processes})
        except ValidationError as error:
            raise InputError(f"{processes} processes were started: {error.errors()[0]['msg']}.") from error

    def resolved_batch_size(self, n: int) -> int:
        """Return the images a step for a data set of `n` images.

        Raises:
            InputError: If `n` is below 2 (a part of the batch) or below a fixed `batch_size`.

        Example:
            >>> TrainingSettings(steps=1).resolved_batch_size(120)
            120
            >>> TrainingSettings(steps=1, processes=2, accumulate=4).resolved_batch_size(63)
            56
        """
        least = SMALLEST_PART * self.parts
        if n < least:
            parts = f" and it is cut into {self.parts} parts" if self.parts > 1 else ""
            raise InputError(f"The training data has {n} image(s){parts}; contrasting needs at least {least}.")
        if self.batch_size == "auto":
            return max(min(self.max_batch_size, n) // self.parts * self.parts, least)
        if self.batch_size > n:
            raise InputError(
                f"`batch_size` is {self.batch_size} but the training data has {n} images, and a batch never "
                f"holds an image twice. Use at most {n}, or `auto`."
            )
        return self.batch_size

    def steps_per_epoch(self, n: int) -> int:
        """Return the optimiser steps in which each of `n` images is seen once, a dropped rest aside.

        Raises:
            InputError: As `resolved_batch_size`.

        Example:
            >>> TrainingSettings(steps=1, batch_size=50, drop_last=False).steps_per_epoch(120)
            3
        """
        return self.stream(n, seed=0).steps_per_epoch

    def stream(self, n: int, *, seed: int) -> BatchStream:
        """Return which of `n` images each step takes.

        Raises:
            InputError: As `resolved_batch_size`.

        Example:
            >>> TrainingSettings(steps=1, batch_size=50).stream(120, seed=0).images_per_epoch
            100
        """
        batch_size = self.resolved_batch_size(n)
        return BatchStream(n, batch_size=batch_size, seed=seed, drop_last=self.drop_last, parts=self.parts)

    def resolved_steps(self, n: int) -> int:
        """Return the optimiser steps for a data set of `n` images.

        Raises:
            InputError: As `resolved_batch_size`.

        Example:
            >>> TrainingSettings(epochs=10, batch_size=50).resolved_steps(120)
            20
        """
        per_epoch = self.steps_per_epoch(n)
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return self.epochs * per_epoch

    def resolved_warmup_steps(self, n: int) -> int:
        """Return the steps of the warm-up for a data set of `n` images.

        Raises:
            InputError: As `resolved_batch_size`.

        Example:
            >>> TrainingSettings(epochs=10, batch_size=50, warmup_epochs=1.5).resolved_warmup_steps(120)
            3
        """
        if self.warmup_epochs:
            return round(self.warmup_epochs * self.steps_per_epoch(n))
        return self.warmup_steps

    def identity(self) -> dict[str, Any]:
        """Return the fields that decide the result, as plain values.

        Example:
            >>> "workers" in TrainingSettings(steps=1).identity()
            False
        """
        return self.model_dump(mode="json", exclude=set(self.runtime_only))
