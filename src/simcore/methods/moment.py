"""Where in a run a step stands."""

from dataclasses import dataclass

from simcore.errors import InputError


@dataclass(frozen=True)
class Moment:
    """One optimiser step of a run: what schedules are functions of.

    Attributes:
        step: The step, 1-based.
        total_steps: Steps of the whole run.
        steps_per_epoch: Steps in which each image is seen once.

    Raises:
        InputError: If `step` lies outside the run, or an epoch has no step.

    Example:
        >>> moment = Moment(step=11, total_steps=40, steps_per_epoch=10)
        >>> moment.epoch, moment.total_epochs, moment.share
        (2, 4.0, 0.275)
    """

    step: int
    total_steps: int
    steps_per_epoch: int

    def __post_init__(self) -> None:
        if not 1 <= self.step <= self.total_steps:
            raise InputError(
                f"`step` is {self.step} of {self.total_steps}; steps count from 1 to the last one of the run."
            )
        if self.steps_per_epoch < 1:
            raise InputError(f"`steps_per_epoch` is {self.steps_per_epoch}; an epoch has at least one step.")

    @property
    def epoch(self) -> int:
        """The epoch the step belongs to, 1-based."""
        return (self.step - 1) // self.steps_per_epoch + 1

    @property
    def total_epochs(self) -> float:
        """Epochs of the whole run; not a whole number when the last one is cut short."""
        return self.total_steps / self.steps_per_epoch

    @property
    def share(self) -> float:
        """Share of the run that is done with this step, above 0 and at most 1."""
        return self.step / self.total_steps
