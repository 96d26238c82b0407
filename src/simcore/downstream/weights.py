"""The proof that a network stands on the encoder that it was given."""

import torch
from torch import nn

from simcore.backbones import Encoder
from simcore.backbones.state import listed
from simcore.errors import ArtefactError


def check_weights(module: nn.Module, encoder: Encoder, *, inside: str) -> None:
    """Prove that a module holds the weights and buffers of an encoder, all of them and nothing else, bit by bit.

    Args:
        module: The encoder as it stands in a network.
        encoder: The one that was given.
        inside: What the network is, for the message.

    Raises:
        ArtefactError: Names are missing or left over, or values differ; the first of each are listed.

    Example:
        >>> import copy
        >>> from simcore.backbones import create_random_encoder
        >>> encoder = create_random_encoder("resnet10_small", image_size=32, seed=0)
        >>> module = copy.deepcopy(encoder.module)
        >>> check_weights(module, encoder, inside="detector")
        >>> _ = module.bn1.running_mean.add_(1)
        >>> check_weights(module, encoder, inside="detector")
        Traceback (most recent call last):
        simcore.errors.ArtefactError: The detector does not hold the weights of the encoder `resnet10_small`; \
other values: bn1.running_mean.
    """
    own, given = module.state_dict(), encoder.module.state_dict()
    shared = sorted(own.keys() & given.keys())
    problems = [
        f"{word}: {listed(names)}"
        for word, names in (
            ("not loaded", sorted(own.keys() - given.keys())),
            ("left over", sorted(given.keys() - own.keys())),
            ("other values", [name for name in shared if not torch.equal(own[name].cpu(), given[name].cpu())]),
        )
        if names
    ]
    if problems:
        raise ArtefactError(
            f"The {inside} does not hold the weights of the encoder `{encoder.card.architecture}`; "
            f"{'; '.join(problems)}."
        )
