"""An encoder with a linear layer on it: what the methods with few or noisy labels train."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from simcore.backbones import normalise
from simcore.images import ImageStore, eval_batches
from simcore.supervised import Classifier
from simcore.supervised.classifier import Head
from simcore.training.evaluating import evaluating


def seeded_linear(dim: int, out: int, *, seed: int, bias: bool = True) -> nn.Linear:
    """Return a linear layer with PyTorch's default first weights, drawn from a generator of its own.

    Args:
        dim: Length of the features.
        out: Number of outputs.
        seed: Of the weights.
        bias: Whether there is one.

    Example:
        >>> torch.equal(seeded_linear(4, 2, seed=1).weight, seeded_linear(4, 2, seed=1).weight)
        True
    """
    generator = torch.Generator().manual_seed(seed)
    layer = nn.Linear(dim, out, bias=bias)
    bound = dim**-0.5
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-bound, bound, generator=generator)
    return layer


class ClassNetwork(Classifier):
    """A classifier as a part of a method: gives features and logits at once; encoder and layer are both trained.

    Args:
        backbone: See `Classifier`, as the rest.
        class_count: c.
        seed: Of the layer's first weights.
        head: Kind of layer.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> network = ClassNetwork(create_backbone("resnet10_small", image_size=32, seed=0), class_count=3, seed=0)
        >>> features, logits = network.predict(torch.zeros(4, 3, 32, 32))
        >>> features.shape, logits.shape
        (torch.Size([4, 128]), torch.Size([4, 3]))
    """

    def __init__(self, backbone: nn.Module, *, class_count: int, seed: int, head: Head = "linear") -> None:
        super().__init__(backbone, class_count=class_count, seed=seed, head=head)

    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features `(n, d)` and float32 logits `(n, c)` of normalised images."""
        features = self.features(images)
        return features, self._logits(features)[0].float()


def view_store(
    module: nn.Module,
    store: ImageStore,
    *,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    image_size: int,
    resize_ratio: float,
    batch_size: int = 256,
) -> Iterator[Tensor]:
    """Yield the normalised centre crops of a store on the device of `module`, batch by batch in its order.

    `module` is in evaluation mode and gradients are off while a batch is looked at; afterwards all is as before.

    Args:
        module: What looks at them.
        store: Images.
        mean: Of the pixels.
        std: Likewise.
        image_size: Side of the square input, in pixels.
        resize_ratio: Shorter side before the crop over `image_size`.
        batch_size: Images at once.
    """
    device = next(module.parameters()).device
    bounds = [np.arange(start, min(start + batch_size, len(store))) for start in range(0, len(store), batch_size)]
    with evaluating(module, device=device):
        for pixels in eval_batches(store, bounds, image_size=image_size, resize_ratio=resize_ratio):
            yield normalise(pixels.to(device), mean=mean, std=std)
