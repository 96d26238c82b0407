"""Encoder networks by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import timm
import torch
from timm.layers import HybridEmbed, PatchEmbed
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from simcore.backbones.small import resnet10_small
from simcore.errors import InputError, in_a_line

TIMM_PREFIX = "timm:"
RANDOM_PREFIX = "random:"


@dataclass(frozen=True)
class _Recipe:
    """How timm builds an encoder.

    Attributes:
        model: Name in timm.
        settings: Keyword arguments of `timm.create_model` besides `num_classes=0`.
        patch: Side of the patches in pixels; None for networks that take any size.
        kaiming: Whether convolutions are drawn again as torchvision draws them.
    """

    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    patch: int | None = None
    kaiming: bool = False

    def arguments(self, image_size: int) -> dict[str, Any]:
        sized: dict[str, Any] = {}
        if self.patch is not None:
            # A position embedding of the training size that is resampled for views of other sizes (multi-crop).
            sized = {"img_size": image_size, "patch_size": self.patch, "dynamic_img_size": True}
        return {"model_name": self.model, "num_classes": 0, **self.settings, **sized}


_TORCHVISION_RESNET: dict[str, Any] = {"zero_init_last": False}

# One line adds an encoder. The convolutional ones are torchvision's: the same layers, the same first weights
# (standard stem, last batch norm of a block not zeroed, fan-out Kaiming), and for EfficientNet its default
# stochastic depth; the ResNets' weights load into torchvision's networks key by key. The transformers give
# the class token after the final norm and learn their position embedding.
BACKBONES: dict[str, _Recipe | None] = {
    "resnet10_small": None,  # not in timm; see `simcore.backbones.small`
    "resnet18": _Recipe("resnet18", _TORCHVISION_RESNET),
    "resnet50": _Recipe("resnet50", _TORCHVISION_RESNET),
    "resnet101": _Recipe("resnet101", _TORCHVISION_RESNET),
    "resnext50": _Recipe("resnext50_32x4d", _TORCHVISION_RESNET),
    "efficientnet_b0": _Recipe("efficientnet_b0", {"drop_path_rate": 0.2}, kaiming=True),
    "vit_tiny_16": _Recipe("vit_tiny_patch16_224", patch=16),
    "vit_base_16": _Recipe("vit_base_patch16_224", patch=16),
    "vit_tiny_4": _Recipe("vit_tiny_patch16_224", patch=4),
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
    # Some models of timm (MobileNetV3 and others) put a layer between their `num_features` maps and the output.
    return int(getattr(backbone, "head_hidden_size", None) or backbone.num_features)  # type: ignore[arg-type]


def patch_side(network: nn.Module) -> int | None:
    """Return the pixels that a side of the input of `network` must be a multiple of; None if it takes any.

    Example:
        >>> patch_side(create_backbone("vit_tiny_4", image_size=28))
        4
    """
    embed = getattr(network, "patch_embed", None)
    if not isinstance(embed, PatchEmbed | HybridEmbed):
        return None
    ratio = embed.feat_ratio(as_scalar=True)
    return max(ratio) if isinstance(ratio, tuple) else ratio


@dataclass(frozen=True)
class _Sketch:
    """What timm's own description of a model does not tell: how it takes its input."""

    patch: int | None
    resamples: bool  # takes views of other sizes than the one it was built for


@cache
def _sketch(model: str) -> _Sketch:
    # Built without storage: a tenth of a second and no memory, whatever the size of the model.
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network = timm.create_model(model, pretrained=False, num_classes=0)
    return _Sketch(patch_side(network), isinstance(network, VisionTransformer | Eva))


def patch_size(name: str) -> int | None:
    """Return the side of the square patches an encoder cuts images into, in pixels; None for convolutional ones.

    No weights are built.

    Args:
        name: As in `create_backbone`.

    Raises:
        InputError: If the name is unknown.

    Example:
        >>> patch_size("vit_tiny_16"), patch_size("resnet18"), patch_size("timm:vit_small_patch32_224")
        (16, None, 32)
    """
    check_backbone(name)
    plain = name.removeprefix(RANDOM_PREFIX)
    if plain.startswith(TIMM_PREFIX):
        return _sketch(plain.removeprefix(TIMM_PREFIX)).patch
    recipe = BACKBONES[plain]
    return recipe.patch if recipe else None


def check_backbone(name: str, *, image_size: int | None = None) -> None:
    """Refuse a name that `create_backbone` does not know, or a size that it cannot take, without building anything.

    Args:
        name: As in `create_backbone`.
        image_size: Side of the square input, in pixels; None checks the name alone.

    Raises:
        InputError: If the name is unknown (lists what exists, or near names of timm), or if the patches of the
            encoder do not divide `image_size` (names the nearest sizes that they do).

    Example:
        >>> check_backbone("timm:resnet18")
        >>> check_backbone("vit_tiny_4", image_size=28)
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
    if image_size is not None:
        if image_size < 1:
            raise InputError(f"`image_size` is {image_size}; it must be a positive number of pixels.")
        _check_patches(name, patch_size(name), image_size)


def _check_patches(name: str, side: int | None, image_size: int) -> None:
    if side is None or image_size % side == 0:
        return
    below = image_size // side * side
    nearest = f"{below} or {below + side}" if below else f"{side}"
    raise InputError(
        f"Encoder `{name}` cuts images into patches of {side}x{side} pixels, which do not divide "
        f"`image_size`={image_size}; nearest allowed: {nearest} (any multiple of {side})."
    )


def timm_arguments(name: str, *, image_size: int) -> dict[str, Any]:
    """Return the arguments with which `timm.create_model` builds the network that `name` means.

    With `checkpoint_path=<folder>/model.safetensors` beside them timm loads an encoder that was saved here,
    without this package.

    Args:
        name: As in `create_backbone`.
        image_size: Side of the square input, in pixels.

    Raises:
        InputError: As `create_backbone`; and for `resnet10_small`, which timm does not have.

    Example:
        >>> timm_arguments("resnext50", image_size=224)
        {'model_name': 'resnext50_32x4d', 'num_classes': 0, 'zero_init_last': False}
    """
    check_backbone(name, image_size=image_size)
    plain = name.removeprefix(RANDOM_PREFIX)
    if not plain.startswith(TIMM_PREFIX):
        recipe = BACKBONES[plain]
        if recipe is None:
            raise InputError(f"timm has no `{name}`; `simcore.backbones.Encoder.load` builds it and loads its weights.")
        return recipe.arguments(image_size)
    model = plain.removeprefix(TIMM_PREFIX)
    resamples = _sketch(model).resamples
    config = timm.get_pretrained_cfg(model, allow_unregistered=True)
    arguments: dict[str, Any] = {"model_name": model, "num_classes": 0}
    if resamples or (config is not None and config.fixed_input_size):
        arguments["img_size"] = image_size
    if resamples:
        arguments["dynamic_img_size"] = True
    return arguments


def _draw_as_torchvision(network: nn.Module) -> None:
    """Draw the convolutions of a timm EfficientNet again: timm scales depthwise ones by their own fan-out."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")


def _build(name: str, image_size: int) -> nn.Module:
    recipe = BACKBONES.get(name)
    if name in BACKBONES and recipe is None:
        return resnet10_small()
    arguments = timm_arguments(name, image_size=image_size)
    try:
        network = timm.create_model(pretrained=False, **arguments)
    except (AssertionError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(
            f"Encoder `{name}` cannot be built for images of {image_size} pixels ({in_a_line(error)}). "
            "Choose another size or another encoder."
        ) from error
    if recipe is not None and recipe.kaiming:
        _draw_as_torchvision(network)
    return network


def create_backbone(name: str, *, image_size: int = 224, seed: int = 0) -> nn.Module:
    """Return an untrained encoder network without classifier.

    The network maps normalised images `(n, 3, s, s)`, float32, to features `(n, network.num_features)`: the
    globally averaged last map of a convolutional network, the class token after the final norm of a vision
    transformer. Its weights depend on `seed` alone; PyTorch's global generator is left as it was. No pretrained
    weights are ever loaded; `load_encoder` and `initialise` do that.

    Args:
        name: One of `list_backbones()`, or `timm:<name>` for any model of timm. The prefix `random:` may
            stand before either and changes nothing: it names an encoder that is meant to stay untrained.
        image_size: Side of the square input, in pixels. Only the position embedding of transformers depends
            on it; plain vision transformers take other multiples of their patch as well, by resampling it.
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
    check_backbone(name, image_size=image_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _build(name.removeprefix(RANDOM_PREFIX), image_size)
