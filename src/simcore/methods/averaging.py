"""How fast a momentum network follows the one that is trained."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from simcore.methods.checks import check_setting
from simcore.methods.moment import Moment


@dataclass(frozen=True)
class MomentumSchedule:
    """The momentum m of an exponential moving average `m * average + (1 - m) * weights` over a run.

    A cosine from `start` to `end`: with x the share of the run that is done,

        m(x) = end - (end - start) (1 + cos(pi x)) / 2.

    The weights are averaged at every step; `per` says how often m itself changes. Per step, x = s / S, as in
    the original BYOL and DINO; per epoch, x = e / E with epochs from 1, as in the SimCore paper's runs. A last
    epoch that is cut short counts as the end.

    Averages are over parameters only (`lightly.models.utils.update_momentum`). The running statistics of batch
    norm are not averaged: both networks run in training mode, so each keeps those of its own activations, and
    statistics averaged over past weights would fit neither.

    Attributes:
        start: Momentum at the start, from 0 (a copy) to 1 (stands still).
        end: Momentum at the end; equal to `start`, it is constant.
        per: `step` or `epoch`.

    Raises:
        InputError: If a value is not allowed.

    Example:
        >>> schedule = MomentumSchedule(0.996, 1.0, per="epoch")
        >>> schedule.at(Moment(step=11, total_steps=40, steps_per_epoch=10))  # epoch 2 of 4
        0.998
    """

    start: float
    end: float
    per: Literal["step", "epoch"]

    def __post_init__(self) -> None:
        check_setting(0 <= self.start <= 1, "momentum", self.start, "from 0 to 1")
        check_setting(0 <= self.end <= 1, "momentum_end", self.end, "from 0 to 1")
        check_setting(self.per in {"step", "epoch"}, "momentum_per", self.per, "`step` or `epoch`")

    @property
    def settings(self) -> dict[str, Any]:
        """The schedule as the settings of a method that has it."""
        return {"momentum": self.start, "momentum_end": self.end, "momentum_per": self.per}

    def at(self, moment: Moment) -> float:
        """Return the momentum of the update after the step of `moment`."""
        done = moment.share if self.per == "step" else min(1.0, moment.epoch / moment.total_epochs)
        return self.end - (self.end - self.start) * (1 + math.cos(math.pi * done)) / 2
