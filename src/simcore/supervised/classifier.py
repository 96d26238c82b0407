"""Linear classifiers on an encoder: several learning rates at once where it is frozen."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from simcore.backbones import EncoderCard
from simcore.errors import InputError
from simcore.methods import Method, StepOutput

Head = Literal["linear", "normalised"]
BatchNorm = Literal["eval", "train"]


def head_of(card: EncoderCard) -> Head:
    """Return the kind of layer that an encoder gets: MAE has one of its own, a batch norm without weights before it."""
    return "normalised" if card.method == "mae" else "linear"


class Classifier(Method):
    """An encoder with one linear layer for each of r learning rates, by cross-entropy.

    The gradient is that of the sum over the layers; the value of the loss, which the curves show, is their mean.

    All layers start from the same weights and see the same features. With a frozen encoder nothing ties them
    together, so each is trained exactly as it would be alone, at the price of one forward pass for all. A layer whose
    loss is no longer finite (the grid of rates reaches far) is left behind; when all are, the run stops.

    Args:
        backbone: From normalised images to features `(n, d)`; its `num_features` is d. Trained in place unless frozen.
        class_count: c.
        seed: Of the initial weights.
        frozen: Whether the encoder stays as it is.
        batch_norm: Mode of a frozen encoder: `eval` uses its running statistics and keeps them; `train` takes those of
            the batch and lets the running ones drift, as the paper's linear evaluation does.
        rates: What the learning rate is multiplied by for each layer.
        head: `linear`, or `normalised`: a batch norm without weights before a layer that starts near zero (MAE).

    Raises:
        InputError: Several rates without a frozen encoder, or less than two classes.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> backbone = create_backbone("resnet10_small", image_size=32, seed=0)
        >>> method = Classifier(backbone, class_count=3, seed=0, frozen=True, rates=(1.0, 10.0))
        >>> method.logits(torch.zeros(4, 3, 32, 32)).shape
        torch.Size([2, 4, 3])
    """

    name: ClassVar[str] = "classifier"

    def __init__(
        self,
        backbone: nn.Module,
        *,
        class_count: int,
        seed: int,
        frozen: bool = False,
        batch_norm: BatchNorm = "eval",
        rates: Sequence[float] = (1.0,),
        head: Head = "linear",
    ) -> None:
        super().__init__()
        if len(rates) != 1 and not frozen:
            raise InputError(f"`rates` has {len(rates)} rates, but the encoder is trained along; give one.")
        if class_count < 2:  # noqa: PLR2004
            raise InputError(f"`class_count` is {class_count}; a classifier needs at least 2 classes.")
        self.backbone = backbone
        self.frozen, self.batch_norm, self.rates, self.head = frozen, batch_norm, tuple(rates), head
        dim = int(backbone.num_features)  # type: ignore[arg-type]
        generator = torch.Generator().manual_seed(seed)
        if head == "normalised":
            self.normalise: nn.Module = nn.BatchNorm1d(dim, affine=False, eps=1e-6)
            weight = nn.init.trunc_normal_(torch.empty(class_count, dim), std=0.01, generator=generator)
            bias = torch.zeros(class_count)
        else:
            self.normalise = nn.Identity()
            bound = dim**-0.5
            weight = torch.empty(class_count, dim).uniform_(-bound, bound, generator=generator)
            bias = torch.empty(class_count).uniform_(-bound, bound, generator=generator)
        self.weights = nn.ParameterList([weight.clone() for _ in rates])
        self.biases = nn.ParameterList([bias.clone() for _ in rates])
        if frozen:
            backbone.requires_grad_(False)
        self.train()

    @property
    def view_counts(self) -> tuple[int, ...]:
        """One view, and its class."""
        return (1, 1)

    @property
    def encoder(self) -> nn.Module:
        """The encoder."""
        return self.backbone

    @property
    def probed(self) -> nn.Module:
        """The classifier as a whole."""
        return self

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """What decides the training beside the settings."""
        return {
            "frozen": self.frozen,
            "batch_norm": self.batch_norm,
            "rates": list(self.rates),
            "head": self.head,
            "class_count": len(self.weights[0]),
        }

    def rate_scale(self, parameter: str) -> float:
        """Return the rate of the layer that the parameter belongs to; 1 for the encoder."""
        kind, _, number = parameter.partition(".")
        return self.rates[int(number)] if kind in ("weights", "biases") else 1.0

    def train(self, mode: bool = True) -> "Classifier":
        """Set the mode; a frozen encoder follows only where its statistics are to be those of the batch."""
        super().train(mode)
        if self.frozen and self.batch_norm == "eval":
            self.backbone.eval()
        return self

    def features(self, images: Tensor) -> Tensor:
        """Return features `(n, d)` of normalised `images`; without gradient where the encoder is frozen."""
        if not self.frozen:
            return self.backbone(images)
        with torch.no_grad():
            return self.backbone(images)

    def logits(self, images: Tensor) -> Tensor:
        """Return `(r, n, c)`."""
        return self._logits(self.features(images))

    def _logits(self, features: Tensor) -> Tensor:
        given = self.normalise(features)
        return torch.stack(
            [nn.functional.linear(given, weight, bias) for weight, bias in zip(self.weights, self.biases, strict=True)]
        )

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of images `(n, 3, s, s)` and classes `(n,)`, in value the mean over the layers alive."""
        self._check_views(views)
        images, classes = views
        features = self.features(images)
        logits = self._logits(features).float()
        losses = torch.stack([nn.functional.cross_entropy(each, classes) for each in logits])
        alive = torch.isfinite(losses.detach())
        if not alive.any():
            return StepOutput(losses.sum(), features.detach())
        total = torch.where(alive, losses, torch.zeros_like(losses)).sum()
        # The sum would be another quantity at every number of rates, and fall where a layer is left behind.
        loss = total - total.detach() + total.detach() / alive.sum()
        return StepOutput(loss, features.detach())
