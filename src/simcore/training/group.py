"""The processes that train one model together, and what they tell each other."""

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Literal, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import TorchElasticEnvironment
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, distributed, nn

from simcore.errors import InputError, SimCoreError
from simcore.training.settings import TrainingSettings

T = TypeVar("T")

# The others wait while the first process probes, renews or saves. One that dies is noticed by whoever launched them,
# which ends all, so that a short limit is not what finds it.
_PATIENCE = timedelta(days=1)
# The older name of the two warns where there is a newer one.
_NAMES = inspect.signature(nn.parallel.DistributedDataParallel).parameters
_LOCAL_BUFFERS: dict[str, Any] = {
    "forward_sync_buffers" if "forward_sync_buffers" in _NAMES else "broadcast_buffers": False
}
# How gloo and NCCL speak of a process that has gone, or of the way to it.
_LOST = ("Connection closed by peer", "Connection reset by peer", "Connection timed out", "Broken pipe", "NCCL")
_PRECISION: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}


class Strategy(DDPStrategy):
    """Fabric's data parallelism, told only when the module is set up whether some parameters get no gradient.

    Buffers are not sent around before each step: the running statistics of batch norm, which training does not
    read, are then those of each process, and a checkpoint holds the first one's.
    """

    def __init__(self) -> None:
        super().__init__(cluster_environment=TorchElasticEnvironment(), timeout=_PATIENCE)
        self.find_unused_parameters = False

    def setup_module(self, module: nn.Module) -> nn.parallel.DistributedDataParallel:
        """Wrap `module`, so that its gradients are averaged over the processes while they are computed."""
        return nn.parallel.DistributedDataParallel(
            module,
            device_ids=self._determine_ddp_device_ids(),
            find_unused_parameters=self.find_unused_parameters,
            **_LOCAL_BUFFERS,
        )


def joined_size() -> int | None:
    """Return the number of processes that a launcher such as `torchrun` has started with this one.

    None when this process was started alone.
    """
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        return int(os.environ["WORLD_SIZE"])
    return None


@contextmanager
def losses_told() -> Iterator[None]:
    """Say in a sentence that a process of the group has gone; for groups whose launcher does not say so everywhere.

    Raises:
        SimCoreError: Where another process, or the network to it, went away while this one waited for it.
    """
    try:
        yield
    except RuntimeError as error:
        if not any(word in str(error) for word in _LOST):
            raise
        raise SimCoreError(
            "Another process of the training group has gone, or the network to it has "
            f"({str(error).splitlines()[0][:300]}). Start the same command on all machines again, and training goes "
            "on from the last checkpoint."
        ) from error


def check_device(settings: TrainingSettings) -> None:
    """Raise an error when this machine has not the devices that `settings` ask for.

    Raises:
        InputError: If the device is absent, or there are fewer GPUs than processes.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(settings.device, True):
        raise InputError(
            f"`device` is {settings.device} but PyTorch {torch.__version__} sees no such device here; use "
            "`cpu` or `auto`, or install a PyTorch build for it."
        )
    if settings.processes == 1:
        return
    on_gpu = settings.device == "cuda" or (settings.device == "auto" and present["cuda"])
    if settings.device == "mps":
        raise InputError(f"`processes` is {settings.processes}, which `device` mps cannot share; use 1, or `cpu`.")
    here = int(os.environ.get("LOCAL_WORLD_SIZE", settings.processes))
    if on_gpu and here > torch.cuda.device_count():
        raise InputError(
            f"`processes` is {here} but there are {torch.cuda.device_count()} GPUs, one for each process; use at "
            "most that many, or set `device` to `cpu`."
        )
    if settings.sync_batch_norm and not on_gpu:
        raise InputError("`sync_batch_norm` needs GPUs; on a CPU leave it false, or use one process.")


class Group:
    """The processes of a run as seen from one of them; a single process is a group of one.

    Attributes:
        fabric: Device, precision and data parallelism.
        rank: Number of this process, from 0.
        size: Number of processes.

    Example:
        >>> group = Group(TrainingSettings(steps=1, device="cpu"))
        >>> group.first, group.share("word"), group.mean(torch.tensor([2.0])).item()
        (True, 'word', 2.0)
    """

    def __init__(self, settings: TrainingSettings) -> None:
        precision = _PRECISION[settings.precision]
        accelerator = "cpu" if settings.device == "auto" and not torch.cuda.is_available() else settings.device
        self.size = settings.processes
        self.strategy: Strategy | None = None
        if self.size == 1:
            self.fabric = Fabric(accelerator=accelerator, devices=1, precision=precision)
        else:
            here = int(os.environ.get("LOCAL_WORLD_SIZE", self.size))
            self.strategy = Strategy()
            self.fabric = Fabric(
                accelerator=accelerator,
                devices=here,
                num_nodes=self.size // here,
                strategy=self.strategy,
                precision=precision,
            )
            self.fabric.launch()
        self.rank = self.fabric.global_rank
        self.here = int(os.environ.get("LOCAL_WORLD_SIZE", self.size))

    @property
    def first(self) -> bool:
        """Whether this process speaks for the group: it writes files and shows the progress bar."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return self.fabric.device

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of `values` over the processes, on the CPU."""
        if self.size == 1:
            return values.cpu()
        total = values.to(self.device, copy=True)
        distributed.all_reduce(total)
        return (total / self.size).cpu()

    def rows(self, values: Tensor) -> Tensor:
        """Return the rows of all processes, one below the other, in rank order."""
        if self.size == 1:
            return values
        parts = [torch.empty_like(values, memory_format=torch.contiguous_format) for _ in range(self.size)]
        distributed.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    def objects(self, value: T) -> list[T]:
        """Return the values of all processes, in rank order."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values

    def decide(self, answer: bool) -> bool:
        """Return the first process's answer."""
        if self.size == 1:
            return answer
        word = torch.tensor([float(answer)], device=self.device)
        distributed.broadcast(word, src=0)
        return bool(word.item())

    def share(self, value: T) -> T:
        """Return the first process's value."""
        return self.fabric.broadcast(value) if self.size > 1 else value
