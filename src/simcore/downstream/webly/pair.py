"""What the methods with two networks share: both on one encoder, judged singly and together."""

import torch
from torch import Tensor, nn

from simcore.downstream.network import ClassNetwork
from simcore.errors import InputError
from simcore.methods import Method
from simcore.supervised.classifier import Head

ROWS = {"": 0, ", network 2": 1, ", ensemble": 2}
"""What is judged, by what is said after the protocol: the place in the `logits` of a pair."""

_PAIR = 2
_LEAST_CLASSES = 2


class NetworkPair(Method):
    """Two networks that learn together; they start from two backbones and have first linear weights of their own.

    One optimiser moves both. With SGD and without a common clipping of gradients that is the same as one for each.

    Args:
        backbones: Two; trained in place.
        class_count: c.
        seed: Of the linear layers' first weights.
        head: Kind of layer.

    Raises:
        InputError: There are not two backbones, or less than two classes.
    """

    def __init__(
        self, backbones: tuple[nn.Module, nn.Module], *, class_count: int, seed: int, head: Head = "linear"
    ) -> None:
        super().__init__()
        if len(backbones) != _PAIR or backbones[0] is backbones[1]:
            raise InputError("`backbones` must be two different modules; give a copy of the encoder as the second.")
        if class_count < _LEAST_CLASSES:
            raise InputError(f"`class_count` is {class_count}; a classifier needs at least 2 classes.")
        self.class_count = class_count
        # Apart by more than one, so that the runs of neighbouring seeds share no layer.
        self.networks = nn.ModuleList(
            [
                ClassNetwork(backbone, class_count=class_count, seed=2 * seed + number, head=head)
                for number, backbone in enumerate(backbones)
            ]
        )
        self.train()

    @property
    def encoder(self) -> nn.Module:
        """The encoder of the first network."""
        return self.pair[0].backbone

    @property
    def pair(self) -> tuple[ClassNetwork, ClassNetwork]:
        """Both networks."""
        first, second = self.networks
        assert isinstance(first, ClassNetwork) and isinstance(second, ClassNetwork)
        return first, second

    @property
    def probed(self) -> nn.Module:
        """The method as a whole: it says `logits`."""
        return self

    def logits(self, images: Tensor) -> Tensor:
        """Return `(3, n, c)`: each network's logits, and the logarithm of their mean probability."""
        each = torch.stack([network.predict(images)[1] for network in self.pair])
        together = each.log_softmax(dim=-1).logsumexp(dim=0) - torch.log(torch.tensor(float(len(each))))
        return torch.cat([each, together[None]])
