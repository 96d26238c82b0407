"""Co-teaching: two networks teach each other the images that they find easy."""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from simcore.downstream.webly.pair import NetworkPair
from simcore.methods import Moment, StepOutput
from simcore.methods.checks import check_setting
from simcore.supervised.classifier import Head


def forget_rate(epoch: int, *, peak: float, ramp_epochs: int, exponent: float = 1.0) -> float:
    """Return the share of a batch that is left out in an epoch (from 1): a line from 0 to `peak`, then `peak`.

    The ramp has `ramp_epochs` values, the first of them 0: easy images are fitted before wrong labels are, so that
    small losses tell little at first and much later.

    Args:
        epoch: From 1.
        peak: Share at the end, about that of the wrong labels.
        ramp_epochs: Length of the ramp.
        exponent: The line ends at `peak ** exponent`; 1 in the paper's runs.

    Example:
        >>> [round(forget_rate(epoch, peak=0.2, ramp_epochs=5), 3) for epoch in (1, 2, 5, 50)]
        [0.0, 0.05, 0.2, 0.2]
    """
    if epoch > ramp_epochs or ramp_epochs == 1:
        return peak
    return peak**exponent * (epoch - 1) / (ramp_epochs - 1)


def smallest(losses: Tensor, *, forget: float) -> Tensor:
    """Return the places of the smallest losses, at least one: `(k,)` int64 with k = (1 - forget) n, rounded down.

    Args:
        losses: `(n,)`.
        forget: Share left out.

    Example:
        >>> import torch
        >>> smallest(torch.tensor([3.0, 1.0, 2.0, 9.0]), forget=0.5).tolist()
        [1, 2]
    """
    # Rounded first: 0.8 * 10 may be a little below 8.
    kept = max(1, int(round((1 - forget) * len(losses), 9)))
    return losses.detach().argsort(stable=True)[:kept]


class CoTeaching(NetworkPair):
    """Each network learns from the images of the batch in which the *other* one has the smallest losses.

    Co-teaching (NeurIPS 2018), in the SimCore paper's appendix B.4 with a forget rate of 0.2 (Cars: 0.1), a ramp over
    ten epochs, batches of 256 and 200 epochs. Wrong labels have large losses until they are learnt by heart; that the
    other network chooses keeps one network's errors from confirming themselves.

    The published code evaluates the first network alone; here both and their ensemble are.

    Args:
        backbones: Two; trained in place.
        class_count: c.
        seed: Of the linear layers.
        head: Kind of layer.
        forget: Share of a batch that is left out at the end of the ramp, from 0 to below 1.
        ramp_epochs: Length of the ramp.
        exponent: See `forget_rate`.

    Raises:
        InputError: A setting is out of range.

    Example:
        >>> import torch
        >>> from simcore.backbones import create_backbone
        >>> backbones = tuple(create_backbone("resnet10_small", image_size=16, seed=seed) for seed in (0, 1))
        >>> method = CoTeaching(backbones, class_count=3, seed=0)
        >>> method.before_step(Moment(step=100, total_steps=100, steps_per_epoch=5))
        >>> method.curves()
        {'forget_rate': 0.2}
        >>> method([torch.zeros(4, 3, 16, 16), torch.tensor([0, 1, 2, 0])]).features.shape
        torch.Size([4, 128])
    """

    name: ClassVar[str] = "co_teaching"

    def __init__(
        self,
        backbones: tuple[nn.Module, nn.Module],
        *,
        class_count: int,
        seed: int,
        head: Head = "linear",
        forget: float = 0.2,
        ramp_epochs: int = 10,
        exponent: float = 1.0,
    ) -> None:
        super().__init__(backbones, class_count=class_count, seed=seed, head=head)
        check_setting(0 <= forget < 1, "forget", forget, "from 0 to below 1")
        check_setting(ramp_epochs >= 1, "ramp_epochs", ramp_epochs, "at least 1")
        check_setting(exponent > 0, "exponent", exponent, "above 0")
        self.forget, self.ramp_epochs, self.exponent = forget, ramp_epochs, exponent
        self._forget = 0.0

    @property
    def view_counts(self) -> tuple[int, ...]:
        """One view, and its class."""
        return (1, 1)

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """What decides the training beside the settings."""
        return {"forget": self.forget, "ramp_epochs": self.ramp_epochs, "exponent": self.exponent}

    def before_step(self, moment: Moment) -> None:
        """Set the share that is left out."""
        self._forget = forget_rate(moment.epoch, peak=self.forget, ramp_epochs=self.ramp_epochs, exponent=self.exponent)

    def curves(self) -> dict[str, float]:
        """Return the share that is left out."""
        return {"forget_rate": self._forget}

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the sum of both networks' losses on images and classes `(n,)`, each on the other's choice."""
        self._check_views(views)
        images, classes = views
        both = [network.predict(images) for network in self.pair]
        losses = [nn.functional.cross_entropy(logits, classes, reduction="none") for _, logits in both]
        chosen = [smallest(each, forget=self._forget) for each in losses]
        return StepOutput(losses[0][chosen[1]].mean() + losses[1][chosen[0]].mean(), both[0][0].detach())
