"""What the training loop expects of a self-supervised method."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn


class StepOutput(NamedTuple):
    """What one forward pass gives; a tuple, since Fabric rebuilds outputs and cannot rebuild frozen classes.

    Attributes:
        loss: Scalar to minimise.
        features: `(n, d)` backbone features of one view, detached: the collapse monitor reads them.
    """

    loss: Tensor
    features: Tensor


class Method(nn.Module, ABC):
    """A self-supervised method: a module whose forward pass turns views into a loss.

    All state (heads, momentum copies, queues, centres) lives in parameters and buffers, so that `state_dict`
    is everything a resumed run needs. What changes with time is a function of the step, given to
    `after_step`.

    Attributes:
        name: Name in the registry.
        views: Number of views of each image that a step takes.
    """

    name: ClassVar[str]
    views: ClassVar[int] = 2

    @property
    @abstractmethod
    def encoder(self) -> nn.Module:
        """The network whose features are kept: it embeds images, is evaluated and exported."""

    @abstractmethod
    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return loss and features of `views`: each `(n, 3, s, s)`, normalised float, row i from image i."""

    def loss(self, views: Sequence[Tensor]) -> Tensor:
        """Return the scalar loss of `views`, as `forward` does."""
        return self(views).loss

    def after_step(self, step: int, *, total_steps: int) -> None:
        """Update what follows the weights (momentum networks, centres) after step `step` (1-based)."""

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The method's settings as plain values: part of a run's fingerprint and of the encoder's card."""
        return {}
