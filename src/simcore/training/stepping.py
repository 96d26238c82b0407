"""One optimiser step: passes forward and backward, then the optimiser and what follows it."""

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from timm.layers import convert_sync_batchnorm
from torch import Tensor, nn

from simcore.backbones import normalise
from simcore.methods import Method, Moment, StepOutput
from simcore.training.batches import Share
from simcore.training.group import Group
from simcore.training.health import LossMonitor
from simcore.training.optimisers import create_optimiser, set_schedules
from simcore.training.run import Run


class Stepper:
    """Takes optimiser steps with a method, in place.

    Args:
        method: Module to train.
        run: Schedules, precision, memory layout.
        group: The processes that share a batch.
        share: This process's part of it.
    """

    def __init__(self, method: Method, *, run: Run, group: Group, share: Share) -> None:
        self.run = run
        self.group = group
        self.share = share
        self.layout = torch.channels_last if run.settings.channels_last else torch.contiguous_format
        if run.settings.sync_batch_norm and group.size > 1:
            # timm's own: PyTorch's would lose the activation inside timm's BatchNormAct2d.
            method = convert_sync_batchnorm(method)
        self.method = method.to(group.device).to(memory_format=self.layout).train()
        self.optimiser = create_optimiser(method, settings=run.settings, rate_scale=method.rate_scale)
        self._trained = [value for value in method.parameters() if value.requires_grad]
        self._model: Any = None

    def step(self, passes: Sequence[list[Tensor]], *, step: int, monitor: LossMonitor, read: bool) -> Tensor:
        """Take step `step` and return the detached features of one view of the last pass.

        Args:
            passes: Groups of views of each pass, `(v, n, 3, s, s)` uint8.
            step: 1-based.
            monitor: Gets the losses.
            read: Whether it reads them before the weights move.

        Raises:
            NonFiniteError: If a loss that is read is not finite.
        """
        moment = self.run.moment(step)
        self.method.before_step(moment)
        inputs = [self._prepare(groups) for groups in passes]
        if self._model is None:
            self._model = self._set_up(inputs[0])
        set_schedules(
            self.optimiser, learning_rate=self.run.learning_rate(step), weight_decay=self.run.weight_decay(step)
        )
        outputs = [self._pass(views, step=step, number=number) for number, views in enumerate(inputs)]
        monitor.add(outputs, step=step)
        if read:
            monitor.read()
        self._move(moment)
        return outputs[-1].features

    def _pass(self, views: list[Tensor], *, step: int, number: int) -> StepOutput:
        last = number == self.share.passes - 1
        part = self.share.rank * self.share.passes + number
        torch.manual_seed(part_seed(self.run.seed, step=step, part=part))
        with self.group.fabric.no_backward_sync(self._model, enabled=not last):
            output = self._model(views)
            self.group.fabric.backward(output.loss / self.share.passes if self.share.passes > 1 else output.loss)
        return output

    def _move(self, moment: Moment) -> None:
        self.method.after_backward(moment)
        if self.run.settings.clip_gradient is not None:
            nn.utils.clip_grad_norm_(self._trained, self.run.settings.clip_gradient)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.method.after_step(moment)

    def _prepare(self, groups: list[Tensor]) -> list[Tensor]:
        """Return the views of a pass, `(n, 3, s, s)` normalised float, as one list over the groups.

        What is not uint8 is no view but a target `(1, n, ...)` that goes with them, and is passed on as `(n, ...)`.
        """
        settings = self.run.settings
        views: list[Tensor] = []
        for group in groups:
            if group.dtype != torch.uint8:
                views.append(group.to(self.group.device, non_blocking=True)[0])
                continue
            pixels = group.to(self.group.device, non_blocking=True).flatten(0, 1)
            # The layout first: one byte a value moves instead of four.
            images = normalise(pixels.contiguous(memory_format=self.layout), mean=settings.mean, std=settings.std)
            views.extend(images.split(group.shape[1]))
        return views

    def _set_up(self, views: list[Tensor]) -> Any:
        """Return the model as Fabric wraps it."""
        strategy = self.group.strategy
        if strategy is not None:
            strategy.find_unused_parameters = self._leaves_unused(views)
        settings = self.run.settings
        module: Any = torch.compile(self.method, mode=settings.compile_mode) if settings.compile else self.method
        return self.group.fabric.setup_module(module)

    def _leaves_unused(self, views: list[Tensor]) -> bool:
        """Return whether a pass leaves parameters without a gradient, by trying one and undoing it.

        Data parallelism waits for the gradient of every parameter unless it is told to look for unused ones,
        which costs time at each step.
        """
        before = {name: value.clone() for name, value in self.method.named_buffers()}
        with self.group.fabric.autocast():
            loss = self.method(views).loss
        loss.backward()
        unused = any(value.grad is None for value in self._trained)
        self.method.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, value in self.method.named_buffers():
                value.copy_(before[name])
        return unused


def part_seed(seed: int, *, step: int, part: int) -> int:
    """Return the seed of the method's own draws (dropout, masks) in one part of a batch: 63 well-mixed bits.

    Example:
        >>> part_seed(0, step=1, part=0) == part_seed(0, step=1, part=1)
        False
    """
    text = f"{seed}/{step}/{part}" if part else f"{seed}/{step}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
