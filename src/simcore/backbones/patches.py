"""The mean of a vision transformer's patch tokens as an embedding."""

from typing import Any

from torch import Tensor, nn

from simcore.errors import InputError


def embed_patches(network: nn.Module, images: Tensor) -> Tensor:
    """Return the mean of the patch tokens after the final norm, passed through that norm again, `(n, dim)`.

    The class token is left out. This is the embedding by which masked autoencoders retrieve in SimCore: their
    class token carries little of the image, and all patches are shown.

    Args:
        network: A timm vision transformer with a final norm over its tokens.
        images: `(n, 3, s, s)`, normalised float.

    Raises:
        InputError: If the network has no patch tokens or no final norm over them.

    Example:
        >>> import torch
        >>> from simcore.backbones import create_backbone
        >>> network = create_backbone("vit_tiny_4", image_size=8).eval()
        >>> embed_patches(network, torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 192])
    """
    model: Any = network
    if not hasattr(model, "num_prefix_tokens") or isinstance(getattr(model, "norm", None), nn.Identity | None):
        raise InputError(
            f"A {type(network).__name__} has no patch tokens with a final norm, so `patch_mean` cannot be taken; "
            "choose a vision transformer that gives its class token, such as `vit_base_16`."
        )
    tokens = model.forward_features(images)
    return model.norm(tokens[:, model.num_prefix_tokens :].mean(dim=1))
