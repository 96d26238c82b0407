"""Settings of one pretraining run."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simcore.backbones import IMAGENET_MEAN, IMAGENET_STD
from simcore.errors import InputError


class TrainingSettings(BaseModel):
    """How a network is trained; refuses unknown names and values that cannot work.

    `runtime_only` names the fields that decide how fast a run is, not what it computes: they stay out of its
    fingerprint. (Results are bit-identical for equal values of all fields; another thread count or `compile`
    rounds sums in another order.)

    Attributes:
        steps: Optimiser steps; give this or `epochs`.
        epochs: Passes over the data; an epoch is `n // batch_size` steps.
        batch_size: Images a step, no image twice; `auto` takes min(`max_batch_size`, number of images).
        max_batch_size: Upper end of `auto`; 512 in the paper.
        optimiser: `sgd` (Nesterov), `adam` or `adamw`.
        learning_rate: Highest rate, reached after the warm-up.
        learning_rate_floor: Where the cosine ends, as a share of `learning_rate`.
        warmup_steps: Steps of linear rise from a tenth of `learning_rate`.
        weight_decay: On all parameters with `sgd` and `adam`; with `adamw` not on biases and norms.
        momentum: Of `sgd`.
        betas: Of `adam` and `adamw`.
        mean: Per-channel mean of pixel values in [0, 1], subtracted from the views; ImageNet's in the paper.
        std: Per-channel standard deviation that the views are divided by.
        precision: `float32`, or `bfloat16` for automatic mixed precision.
        log_every: Steps between two points of the curves.
        threads: Threads of a CPU run; null leaves PyTorch's count.
        workers: Processes that make views; 0 makes them between the steps.
        checkpoint_every_seconds: Time between two checkpoints.
        keep_checkpoints: Newest checkpoints kept.
        channels_last: Memory layout that CPUs and tensor cores convolve faster in.
        compile: Pass the method through `torch.compile`.
        device: `auto` takes a GPU when there is one; or `cpu`, `cuda`, `mps`.

    Example:
        >>> TrainingSettings(steps=100, learning_rate=1e-3, optimiser="adamw").batch_size
        'auto'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    runtime_only: ClassVar[frozenset[str]] = frozenset(
        {
            "log_every",
            "threads",
            "workers",
            "checkpoint_every_seconds",
            "keep_checkpoints",
            "channels_last",
            "compile",
            "device",
        }
    )

    steps: int | None = Field(default=None, ge=1)
    epochs: int | None = Field(default=None, ge=1)
    batch_size: int | Literal["auto"] = "auto"
    max_batch_size: int = Field(default=512, ge=2)
    optimiser: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: float = Field(default=0.1, gt=0)
    learning_rate_floor: float = Field(default=0.0, ge=0, le=1)
    warmup_steps: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    momentum: float = Field(default=0.9, gt=0, lt=1)
    betas: tuple[float, float] = (0.9, 0.999)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    precision: Literal["float32", "bfloat16"] = "float32"
    log_every: int = Field(default=20, ge=1)
    threads: int | None = Field(default=None, ge=1)
    workers: int = Field(default=1, ge=0)
    checkpoint_every_seconds: float = Field(default=120.0, ge=0)
    keep_checkpoints: int = Field(default=2, ge=1)
    channels_last: bool = True
    compile: bool = False
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"

    @model_validator(mode="after")
    def _one_length(self) -> "TrainingSettings":
        if (self.steps is None) == (self.epochs is None):
            raise ValueError(
                f"give either `steps` or `epochs`, not both or none (steps={self.steps}, epochs={self.epochs})"
            )
        if isinstance(self.batch_size, int) and self.batch_size < 2:  # noqa: PLR2004
            raise ValueError(f"`batch_size` is {self.batch_size}; a batch needs at least 2 images")
        return self

    def resolved_batch_size(self, n: int) -> int:
        """Return the images a step for a data set of `n` images.

        Raises:
            InputError: If `n` is below 2 or below a fixed `batch_size`.

        Example:
            >>> TrainingSettings(steps=1).resolved_batch_size(120)
            120
        """
        if n < 2:  # noqa: PLR2004
            raise InputError(f"The training data has {n} image(s); contrasting needs at least 2.")
        if self.batch_size == "auto":
            return min(self.max_batch_size, n)
        if self.batch_size > n:
            raise InputError(
                f"`batch_size` is {self.batch_size} but the training data has {n} images, and a batch never "
                f"holds an image twice. Use at most {n}, or `auto`."
            )
        return self.batch_size

    def resolved_steps(self, n: int) -> int:
        """Return the optimiser steps for a data set of `n` images.

        Raises:
            InputError: As `resolved_batch_size`.

        Example:
            >>> TrainingSettings(epochs=10, batch_size=50).resolved_steps(120)
            20
        """
        batch_size = self.resolved_batch_size(n)
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return self.epochs * (n // batch_size)

    def identity(self) -> dict[str, Any]:
        """Return the fields that decide the result, as plain values.

        Example:
            >>> "workers" in TrainingSettings(steps=1).identity()
            False
        """
        return self.model_dump(mode="json", exclude=set(self.runtime_only))
