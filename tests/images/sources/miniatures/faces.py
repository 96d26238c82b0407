"""CelebAMask-HQ in miniature."""

from pathlib import Path

from tests.images.sources.miniatures._pixels import picture, save_jpeg

ATTRIBUTES = tuple(
    """
    5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair
    Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male
    Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks
    Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace
    Wearing_Necktie Young
    """.split()  # noqa: SIM905 (forty lines otherwise)
)
_SIZES = {"2880": 17, "139": 15, "8": 14, "10177": 1}
"""Images of each identity; the third has one too few."""


def identity_of(number: int) -> str:
    """Return whose face is on image `number`: the identities take turns until each has its images."""
    turns = [identity for turn in range(max(_SIZES.values())) for identity, n in _SIZES.items() if turn < n]
    return turns[number]


def attribute_of(number: int, name: str) -> bool:
    """Return whether image `number` has the attribute."""
    return (number * (ATTRIBUTES.index(name) + 3)) % 11 < 5


def make_faces(root: Path, *, seed: int = 0, identities: Path | None = None) -> dict[str, list[tuple[str, str | None]]]:
    """Write the set below `root`, identity_CelebA.txt into `identities` (None: `root`); return {split: [(key, class)]}.

    Traps: numeric and alphabetic order of the files differ, and so does their order in CelebA; identities with 15, 14
    and 1 images; CelebA knows more images than the set has; a header with blanks of several widths; mask images beside
    the photographs; files that Finder leaves behind.
    """
    total = sum(_SIZES.values())
    for number in range(total):
        save_jpeg(root / "CelebA-HQ-img" / f"{number}.jpg", number + seed)
    celeba = {number: (number * 29) % total * 37 + 5 for number in range(total)}
    mapping = ["idx     orig_idx    orig_file"]
    mapping += [f"{number:<8d}{celeba[number]:<12d}{celeba[number] + 1:06d}.jpg" for number in range(total)]
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("\n".join(mapping) + "\n")
    known = {celeba[number] + 1: identity_of(number) for number in range(total)}
    known |= {2 * 37: "2880", 3 * 37: "8"}
    (identities or root).mkdir(parents=True, exist_ok=True)
    ((identities or root) / "identity_CelebA.txt").write_text(
        "".join(f"{file:06d}.jpg {identity}\n" for file, identity in sorted(known.items()))
    )
    lines = [str(total), " ".join(ATTRIBUTES)]
    for number in range(total):
        values = " ".join("1" if attribute_of(number, name) else "-1" for name in ATTRIBUTES)
        lines.append(f"{number}.jpg  {values}")
    (root / "CelebAMask-HQ-attribute-anno.txt").write_text("\n".join(lines) + "\n")
    (root / "CelebAMask-HQ-pose-anno.txt").write_text(f"{total}\nYaw Pitch Raw\n0.jpg 2.1 -7.4 0.3\n")
    masks = root / "CelebAMask-HQ-mask-anno" / "0"
    masks.mkdir(parents=True)
    picture(seed, mode="L").save(masks / "00000_skin.png")
    (root / "CelebA-HQ-img" / "._0.jpg").write_bytes(b"\x00\x05\x16\x07")
    (root / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")

    expected: dict[str, list[tuple[str, str | None]]] = {"train": [], "test": []}
    for identity, train in (("2880", 13), ("139", 12)):
        faces = [number for number in range(total) if identity_of(number) == identity]
        expected["train"] += [(f"CelebA-HQ-img/{number}.jpg", identity) for number in faces[:train]]
        expected["test"] += [(f"CelebA-HQ-img/{number}.jpg", identity) for number in faces[train:]]
    return {split: sorted(faces) for split, faces in expected.items()}
