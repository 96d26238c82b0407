"""Encoders as safetensors and card, and how to load them."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from simcore.backbones import Encoder, timm_arguments
from simcore.backbones.encoder import CARD, WEIGHTS
from simcore.errors import InputError

README = "README.md"

_LEAVING = {"", ".", ".."}


def write_encoders(encoders: Iterable[tuple[str, Path]], folder: str | Path) -> list[str]:
    """Copy each encoder into its folder below `folder`, and write a README that says how to load it; return the names.

    Every encoder is loaded once, so that none leaves damaged; its two files are copied as they are, since safetensors
    writes the same weights in different bytes each time.

    Args:
        encoders: Name (may have `/` in it), and the folder that `Encoder.save` wrote.
        folder: Where they go.

    Raises:
        InputError: If a name leaves the folder.
        ArtefactError: If an encoder is not whole.

    Example:
        >>> import tempfile
        >>> from simcore.backbones import create_random_encoder
        >>> folder = Path(tempfile.mkdtemp())
        >>> encoder = create_random_encoder("resnet10_small", image_size=28, seed=0)
        >>> encoder.save(folder / "mine")
        >>> write_encoders([("simcore/seed-0", folder / "mine")], folder / "out")
        ['simcore/seed-0']
        >>> Encoder.load(folder / "out/simcore/seed-0").fingerprint == encoder.fingerprint
        True
    """
    folder = Path(folder)
    sections: dict[str, str] = {}
    for name, stored in encoders:
        if _LEAVING & set(name.replace("\\", "/").split("/")):
            raise InputError(f"The encoder's name is {name!r}; it must be a relative path below the export.")
        sections[name] = _section(name, Encoder.load(stored))
        (folder / name).mkdir(parents=True, exist_ok=True)
        for file in (CARD, WEIGHTS):
            shutil.copyfile(stored / file, folder / name / file)
    if sections:
        text = "\n".join(
            [
                "# Encoders\n",
                "A folder each: `model.safetensors` (weights) and `card.json` (what they are). Images go in scaled to "
                "[0, 1] and normalised with `mean` and `std` of the card, in squares of `image_size` pixels.\n",
                *sections.values(),
            ]
        )
        (folder / README).write_text(text, encoding="utf-8")
    return list(sections)


def _section(name: str, encoder: Encoder) -> str:
    card = encoder.card
    calls = ["from simcore.backbones import Encoder", "", f'encoder = Encoder.load("{name}")', "encoder.encode(pixels)"]
    try:
        arguments = timm_arguments(card.architecture, image_size=card.image_size)
    except InputError:  # timm does not have it: the lines above are the only way
        arguments = {}
    if arguments:
        plain = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        calls += ["", "import timm", "", f'timm.create_model({plain}, checkpoint_path="{name}/model.safetensors")']
    facts = (
        f"`{card.architecture}`, {card.image_size} pixels, {card.dim} features, {card.method}, {card.steps:,} steps, "
        f"seed {card.seed}, fingerprint `{encoder.fingerprint[:16]}`."
    )
    return "\n".join([f"## {name}\n", facts + "\n", "```python", *calls, "```\n"])
