"""Encoders and first weights from wherever they are."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import timm
import torch
from timm.models import PretrainedCfg
from torch import Tensor, nn

from simcore.backbones.card import IMAGENET_MEAN, IMAGENET_STD, EncoderCard
from simcore.backbones.checkpoints import SAFETENSORS, TORCH_FILES, read_weights
from simcore.backbones.encoder import Encoder, create_random_encoder
from simcore.backbones.fitting import fit_weights
from simcore.backbones.registry import (
    BACKBONES,
    RANDOM_PREFIX,
    TIMM_PREFIX,
    check_backbone,
    create_backbone,
    feature_dim,
)
from simcore.backbones.state import listed, state_fingerprint
from simcore.devices import choose_device
from simcore.errors import ArtefactError, InputError

Triple = tuple[float, float, float]

_FORMS = (
    f"a folder written by `Encoder.save`, a weight file ({SAFETENSORS}, {', '.join(TORCH_FILES)}), `timm:<name>` "
    "for pretrained weights, or `random:<name>` for an untrained encoder"
)


def load_encoder(
    spec: str | Path,
    *,
    architecture: str | None = None,
    image_size: int = 224,
    device: str | torch.device = "cpu",
    mean: Triple | None = None,
    std: Triple | None = None,
    seed: int = 0,
) -> Encoder:
    """Return an encoder from a folder of ours, a weight file, timm's pretrained weights, or an untrained one.

    Args:
        spec: A folder written by `Encoder.save`; a file `.safetensors`, `.pth`, `.pt`, `.ckpt` with a state dict
            in timm's or torchvision's names, under whatever wrapper, see `fit_weights`; `timm:<name>`, the
            *pretrained* weights of that name, fetched by timm; `random:<name>`, a network that stays untrained.
        architecture: A name for `create_backbone`; a weight file needs it. Elsewhere it may be given to be checked.
        image_size: Side of the square images, in pixels. A folder of ours keeps its own.
        device: As in `choose_device`.
        mean: See `EncoderCard`; None takes what the pretrained weights of timm are for, and ImageNet's otherwise.
            A folder of ours keeps its own.
        std: Likewise.
        seed: Seed of the weights of `random:<name>`.

    Raises:
        InputError: If `spec` or `architecture` is not understood, or the file needs unpickling.
        ArtefactError: If the weights do not fit (the keys that differ are listed), are damaged, or could not be
            fetched. Weights are never replaced by random ones.

    Example:
        >>> load_encoder("random:resnet10_small", image_size=28).card.method
        'random'
    """
    chosen = choose_device(device)
    text = str(spec)
    if Path(text).is_dir():
        encoder = Encoder.load(text, device=chosen)
        _check_named(encoder.card.architecture, architecture, spec=text)
        return encoder
    if text.startswith(RANDOM_PREFIX):
        _check_named(text.removeprefix(RANDOM_PREFIX), architecture, spec=text)
        encoder = create_random_encoder(
            text, image_size=image_size, seed=seed, mean=mean or IMAGENET_MEAN, std=std or IMAGENET_STD
        )
        return Encoder(encoder.module.to(chosen), encoder.card)
    if text.startswith(TIMM_PREFIX):
        _check_named(text, architecture, spec=text)
        architecture, method = text, "timm"
        # The size is refused before anything is fetched.
        check_backbone(text, image_size=image_size)
        state, config = _fetch(text)
        mean, std = mean or _triple(config.mean), std or _triple(config.std)
        data = {"weights": state_fingerprint(state)}
    else:
        path = _existing_file(text)
        if architecture is None:
            raise InputError(
                f"`{text}` is a weight file, which does not say what network it is for; give `architecture`, "
                f"one of {', '.join(sorted(BACKBONES))} or `timm:<name>`."
            )
        check_backbone(architecture, image_size=image_size)
        method, state = "file", read_weights(path)
        with path.open("rb") as file:
            data = {"weights": hashlib.file_digest(file, "sha256").hexdigest()}
    module = create_backbone(architecture, image_size=image_size).eval()
    remarks = fit_weights(module, state, source=text, architecture=architecture)
    card = EncoderCard(
        architecture=architecture.removeprefix(RANDOM_PREFIX),
        image_size=image_size,
        dim=feature_dim(module),
        method=method,
        seed=0,
        mean=mean or IMAGENET_MEAN,
        std=std or IMAGENET_STD,
        data=data,
        settings={"source": Path(text).name, "remarks": remarks},
    )
    return Encoder(module.to(chosen), card)


def initialise(backbone: nn.Module, spec: str | Path, *, architecture: str) -> str:
    """Load the weights that `spec` means into `backbone`; return one line that says which they are.

    The first stage of a two-stage pretraining. A position embedding learned at another image size is resampled.

    Args:
        backbone: From `create_backbone`; changed in place.
        spec: As in `load_encoder`; `random:<architecture>` leaves the weights as they are.
        architecture: The name `backbone` was created by.

    Raises:
        InputError: As `load_encoder`.
        ArtefactError: As `load_encoder`.

    Example:
        >>> network = create_backbone("resnet10_small", seed=3)
        >>> initialise(network, "random:resnet10_small", architecture="resnet10_small")[:40]
        'random:resnet10_small (as drawn), finger'
    """
    text = str(spec)
    remarks: list[str] = []
    if text.startswith(RANDOM_PREFIX):
        _check_named(text.removeprefix(RANDOM_PREFIX), architecture, spec=text)
        remarks = ["as drawn"]
    else:
        if Path(text).is_dir():
            encoder = Encoder.load(text)
            source, state = f"{text} (`{encoder.card.architecture}`)", encoder.module.state_dict()
            remarks = [encoder.card.method, f"{encoder.card.steps} steps"]
        elif text.startswith(TIMM_PREFIX):
            source, state = text, _fetch(text)[0]
        else:
            source, state = text, read_weights(_existing_file(text))
        remarks += fit_weights(backbone, state, source=source, architecture=architecture)
    said = f" ({'; '.join(remarks)})" if remarks else ""
    return f"{text}{said}, fingerprint {state_fingerprint(backbone.state_dict())[:16]}"


def _existing_file(text: str) -> Path:
    path = Path(text)
    if path.is_file():
        return path
    hint = f" For an untrained network write `random:{text}`." if text in BACKBONES else ""
    raise InputError(f"`{text}` is no encoder: there is no such file or folder.{hint} Give {_FORMS}.")


def _check_named(found: str, wanted: str | None, *, spec: str) -> None:
    if wanted is not None and found != wanted.removeprefix(RANDOM_PREFIX):
        raise InputError(f"`{spec}` is a `{found}`, but `{wanted}` is asked for; give one of the two names for both.")


def _triple(values: Sequence[float]) -> Triple:
    red, green, blue = values
    return red, green, blue


def _fetch(name: str) -> tuple[dict[str, Tensor], PretrainedCfg]:
    """Return the pretrained weights called `timm:<name>`, classifier included, and what timm says of them."""
    check_backbone(name)
    model = name.removeprefix(TIMM_PREFIX)
    config = timm.get_pretrained_cfg(model, allow_unregistered=True)
    if config is None or not config.has_weights:
        raise InputError(
            f"timm {timm.__version__} has no pretrained weights for `{model}`; `timm.list_pretrained()` lists those "
            f"it has, and `random:{name}` is the untrained network."
        )
    states = []
    try:
        # With its classifier, because timm loads strictly only when all of the weights are asked for; and twice,
        # because for some models it never does: what differs between two seeds was not in the file.
        for seed in (0, 1):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                states.append(timm.create_model(model, pretrained=True).state_dict())
    except Exception as error:  # what fails is the network, the hub, the disk or the file: each has its own errors
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArtefactError(
            f"The pretrained weights of `{name}` could not be loaded ({reason.rstrip('.')}); connect to the network "
            "and unset HF_HUB_OFFLINE, or give a weight file fetched elsewhere (random weights are never put instead)."
        ) from error
    first, second = states
    drawn = [key for key in first if not torch.equal(first[key], second[key])]
    if drawn:
        raise ArtefactError(
            f"The pretrained weights of `{name}` are incomplete: timm leaves {listed(drawn)} at random; "
            "choose another model, or give a file with all weights."
        )
    return first, config
