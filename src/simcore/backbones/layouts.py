"""The names that other programs give the same weights."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

State = Mapping[str, Tensor]


def _renamed(state: State, rules: list[tuple[str, str]]) -> dict[str, Tensor]:
    renamed = {}
    for name, tensor in state.items():
        for pattern, replacement in rules:
            new, count = re.subn(pattern, replacement, name)
            if count:
                renamed[new] = tensor
                break
        else:
            renamed[name] = tensor
    return renamed


_VIT_RULES = [
    (r"^class_token$", "cls_token"),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^encoder\.ln\.", "norm."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.ln_(\d)\.", r"blocks.\1.norm\2."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.in_proj_(weight|bias)$", r"blocks.\1.attn.qkv.\2"),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.out_proj\.", r"blocks.\1.attn.proj."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:0|linear_1)\.", r"blocks.\1.mlp.fc1."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:3|linear_2)\.", r"blocks.\1.mlp.fc2."),
]

# The parts of a torchvision block by their position in it: with an expanding convolution (four parts) or without.
_MBCONV = {
    "0.0": "conv_pw",
    "0.1": "bn1",
    "1.0": "conv_dw",
    "1.1": "bn2",
    "2.fc1": "se.conv_reduce",
    "2.fc2": "se.conv_expand",
    "3.0": "conv_pwl",
    "3.1": "bn3",
}
_SEPARABLE = {
    "0.0": "conv_dw",
    "0.1": "bn1",
    "1.fc1": "se.conv_reduce",
    "1.fc2": "se.conv_expand",
    "2.0": "conv_pw",
    "2.1": "bn2",
}
_EFFICIENTNET_BLOCK = re.compile(r"^features\.(\d+)\.(\d+)\.block\.(\d\.\w+)\.(.+)$")


def _efficientnet(state: State) -> dict[str, Tensor]:
    matches = [match for match in map(_EFFICIENTNET_BLOCK.match, state) if match]
    expanding = {match.group(1, 2) for match in matches if match[3] == "3.0"}
    last = 1 + max((int(match[1]) for match in matches), default=0)
    rules = [
        (r"^features\.0\.0\.", "conv_stem."),
        (r"^features\.0\.1\.", "bn1."),
        (rf"^features\.{last}\.0\.", "conv_head."),
        (rf"^features\.{last}\.1\.", "bn2."),
    ]
    renamed = {}
    for name, tensor in _renamed(state, rules).items():
        match = _EFFICIENTNET_BLOCK.match(name)
        parts = (_MBCONV if match.group(1, 2) in expanding else _SEPARABLE) if match else {}
        if match and match[3] in parts:
            renamed[f"blocks.{int(match[1]) - 1}.{match[2]}.{parts[match[3]]}.{match[4]}"] = tensor
        else:
            renamed[name] = tensor
    return renamed


# `nn.Sequential(*list(resnet.children())[:-1])`, the usual way to take the classifier off.
_RESNET_CHILDREN = [
    (r"^0\.", "conv1."),
    (r"^1\.", "bn1."),
    (r"^4\.", "layer1."),
    (r"^5\.", "layer2."),
    (r"^6\.", "layer3."),
    (r"^7\.", "layer4."),
]


@dataclass(frozen=True)
class Layout:
    """A way to name the weights of a network.

    Attributes:
        name: What to call it in a message.
        marker: A name that every state of this layout holds, without the prefix of a wrapper.
        translate: From a state in this layout to one in timm's names.
    """

    name: str
    marker: str
    translate: Callable[[State], dict[str, Tensor]]


# Besides timm's own names, which torchvision shares for ResNet and ResNeXt, and DINO and MAE for transformers.
FOREIGN = (
    Layout("torchvision's EfficientNet", "features.0.0.weight", _efficientnet),
    Layout("torchvision's ViT", "conv_proj.weight", lambda state: _renamed(state, _VIT_RULES)),
    Layout("a ResNet's children by number", "4.0.conv1.weight", lambda state: _renamed(state, _RESNET_CHILDREN)),
)
