"""Encoder networks by name."""

from collections.abc import Callable
from typing import Any

import timm
import torch
from timm.models.resnet import BasicBlock, ResNet
from torch import nn

from simcore.errors import InputError

TIMM_PREFIX = "timm:"
RANDOM_PREFIX = "random:"


def _resnet10_small(image_size: int) -> nn.Module:
    """Return a ResNet-10 of 0.31 M parameters for images of about 28 to 64 pixels.

    The 7x7 stem with max-pool of the standard networks divides the sides by four before the first block,
    which leaves 7x7 positions of a 28-pixel image; here a 3x3 stem divides them by two.
    """
    del image_size  # fully convolutional
    network: Any = ResNet(
        BasicBlock,  # type: ignore[arg-type] # timm annotates an instance
        (1, 1, 1, 1),
        channels=(16, 32, 64, 128),
        num_classes=0,
        # Only a "deep" stem can be narrower than 64; its three convolutions give way to one below.
        stem_type="deep",
        stem_width=8,
        zero_init_last=False,
    )
    stem = nn.Conv2d(3, 16, kernel_size=3, stride=2, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    network.conv1 = stem
    network.maxpool = nn.Identity()
    for info in network.feature_info[1:]:
        info["reduction"] //= 2
    return network


def _resnet18(image_size: int) -> nn.Module:
    del image_size  # fully convolutional
    return timm.create_model("resnet18", pretrained=False, num_classes=0, zero_init_last=False)


def _resnet50(image_size: int) -> nn.Module:
    del image_size  # fully convolutional
    return timm.create_model("resnet50", pretrained=False, num_classes=0, zero_init_last=False)


# One line adds an encoder. The ResNets are laid out and initialised as torchvision's: standard stem, last
# batch norm of a block not zeroed; their weights load into torchvision's networks key by key.
BACKBONES: dict[str, Callable[[int], nn.Module]] = {
    "resnet10_small": _resnet10_small,
    "resnet18": _resnet18,
    "resnet50": _resnet50,
}


def list_backbones() -> list[str]:
    """Return the names that `create_backbone` knows, besides `timm:<any timm model>`.

    Example:
        >>> "resnet18" in list_backbones()
        True
    """
    return sorted(BACKBONES)


def feature_dim(backbone: nn.Module) -> int:
    """Return the length of the features of a network from `create_backbone`.

    Example:
        >>> feature_dim(create_backbone("resnet18"))
        512
    """
    return int(backbone.num_features)  # type: ignore[arg-type]


def check_backbone(name: str) -> None:
    """Refuse a name that `create_backbone` does not know, without building anything.

    Raises:
        InputError: If the name is unknown; lists what exists, or near names of timm.

    Example:
        >>> check_backbone("timm:resnet18")
    """
    plain = name.removeprefix(RANDOM_PREFIX)
    model = plain.removeprefix(TIMM_PREFIX)
    if plain.startswith(TIMM_PREFIX) and not timm.is_model(model):
        near = timm.list_models(f"*{model}*")[:5]
        hint = f" Near names: {', '.join(near)}." if near else ""
        raise InputError(
            f"Unknown encoder `{name}`: timm {timm.__version__} has no model `{model}`.{hint} "
            "`timm.list_models()` lists all of them."
        )
    if not plain.startswith(TIMM_PREFIX) and plain not in BACKBONES:
        raise InputError(
            f"Unknown encoder `{name}`. Choose one of {', '.join(list_backbones())}, or `timm:<name>` "
            f"for any model of timm {timm.__version__}."
        )


def _timm_backbone(name: str, image_size: int) -> nn.Module:
    model = name.removeprefix(TIMM_PREFIX)
    config = timm.get_pretrained_cfg(model, allow_unregistered=True)
    sized: dict[str, Any] = {"img_size": image_size} if config is not None and config.fixed_input_size else {}
    try:
        network = timm.create_model(model, pretrained=False, num_classes=0, **sized)
    except (AssertionError, ValueError, TypeError) as error:
        raise InputError(
            f"Encoder `{name}` cannot be built for images of {image_size} pixels ({error}). "
            "Choose a size that its patches divide, or another encoder."
        ) from error
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", None)
    if patch is not None and any(image_size % side for side in patch):
        raise InputError(
            f"Encoder `{name}` cuts images into patches of {patch[0]}x{patch[1]} pixels, which do not divide "
            f"image_size={image_size}. Choose a multiple of {patch[0]}."
        )
    return network


def create_backbone(name: str, *, image_size: int = 224, seed: int = 0) -> nn.Module:
    """Return an untrained encoder network without classifier.

    The network maps normalised images `(n, 3, s, s)`, float32, to features `(n, network.num_features)`. Its
    weights depend on `seed` alone; PyTorch's global generator is left as it was. No pretrained weights are
    ever loaded.

    Args:
        name: One of `list_backbones()`, or `timm:<name>` for any model of timm. The prefix `random:` may
            stand before either and changes nothing: it names an encoder that is meant to stay untrained.
        image_size: Side of the square input, in pixels. Only networks with a fixed input (vision
            transformers) depend on it.
        seed: Seed of the initial weights.

    Raises:
        InputError: If the name is unknown, or the network cannot take images of `image_size`.

    Example:
        >>> network = create_backbone("resnet10_small", image_size=28)
        >>> network(torch.zeros(2, 3, 28, 28)).shape
        torch.Size([2, 128])
        >>> network.num_features
        128
    """
    if image_size < 1:
        raise InputError(f"`image_size` is {image_size}; it must be a positive number of pixels.")
    check_backbone(name)
    plain = name.removeprefix(RANDOM_PREFIX)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if plain.startswith(TIMM_PREFIX):
            return _timm_backbone(plain, image_size)
        return BACKBONES[plain](image_size)
