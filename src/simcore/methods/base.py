"""What the training loop expects of a self-supervised method."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from simcore.errors import InputError
from simcore.methods.moment import Moment


class StepOutput(NamedTuple):
    """What one forward pass gives; a tuple, since Fabric rebuilds outputs and cannot rebuild frozen classes.

    Attributes:
        loss: Scalar to minimise.
        features: `(n, d)` features of one view by the encoder that is trained, detached: the collapse monitor
            reads them.
    """

    loss: Tensor
    features: Tensor


class Method(nn.Module, ABC):
    """A self-supervised method: a module whose forward pass turns views into a loss.

    A step of the loop is `before_step`, `forward` and backward (several times when gradients accumulate),
    `after_backward`, the optimiser, `after_step`.

    All state (heads, momentum copies, centres) lives in parameters and buffers, so that `state_dict` is
    everything a resumed run needs; what changes with time is a function of the `Moment`. Random draws of the
    forward pass (masks, stochastic depth) come from PyTorch's global generators, which the loop seeds at each
    step. With a process group of torch.distributed, each process gives its part of the batch and gets the loss
    of its part: the average over processes, of loss and gradients, is that of the joint batch (batch norm
    aside); parts have equal sizes.

    Attributes:
        name: Name in the registry.
        embedding: What of the encoder stands for an image in retrieval: `features`, its pooled output, or
            `patch_mean`, the mean of its patch tokens.
        beside_counts: Views of each image that goes along beside those of the batch, by group; empty for the methods
            that have all images in the batch. The others contrast X with an open-set beside it.
    """

    name: ClassVar[str]
    embedding: ClassVar[str] = "features"
    beside_counts: ClassVar[tuple[int, ...]] = ()

    @property
    def view_counts(self) -> tuple[int, ...]:
        """Views of each image that a step takes, by group: views of one group have one size."""
        return (2,)

    @property
    def takes_origins(self) -> bool:
        """Whether an int64 number follows the views of a batch: 1 for an image of the target, 0 for another."""
        return False

    @property
    @abstractmethod
    def encoder(self) -> nn.Module:
        """The network that is kept: it embeds images, is evaluated and exported."""

    @property
    def probed(self) -> nn.Module:
        """The network that the probe of a run looks at while it trains: the encoder, unless there is more to see."""
        return self.encoder

    def rate_scale(self, parameter: str) -> float:
        """Return what the learning rate is multiplied by for the parameter of that name."""
        del parameter
        return 1.0

    @abstractmethod
    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return loss and features of the views of a batch.

        Args:
            views: Flat list over the groups of `view_counts`, each `(n, 3, s, s)`, normalised float, row i from
                image i; then the origins `(n,)`, where the method takes them, and the views over the groups of
                `beside_counts`.

        Raises:
            InputError: If there are more or fewer.
        """

    def loss(self, views: Sequence[Tensor]) -> Tensor:
        """Return the scalar loss of `views`, as `forward` does."""
        return self(views).loss

    def before_step(self, moment: Moment) -> None:
        """Set what the forward pass of this step depends on (temperatures)."""

    def after_backward(self, moment: Moment) -> None:
        """Take away the gradients of what is frozen at this step; they are unscaled and not yet clipped."""

    def after_step(self, moment: Moment) -> None:
        """Update what follows the weights (momentum networks, unit prototypes) once the optimiser has moved them."""

    def curves(self) -> dict[str, float]:
        """Return what changes with time, to be logged beside the loss: the values of the last step by name."""
        return {}

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The method's settings as plain values: part of a run's fingerprint and of the encoder's card."""
        return {}

    def _check_views(self, views: Sequence[Tensor]) -> None:
        expected = sum(self.view_counts) + self.takes_origins + sum(self.beside_counts)
        if len(views) != expected:
            groups = " + ".join(str(count) for count in self.view_counts)
            origins = ", their origins" if self.takes_origins else ""
            beside = f", {sum(self.beside_counts)} of each image beside them" if self.beside_counts else ""
            raise InputError(
                f"Method `{self.name}` takes {groups} views of each image{origins}{beside}, {len(views)} were given; "
                "`view_counts` says how many of which group."
            )
