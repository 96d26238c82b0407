"""iNaturalist 2021-mini in miniature: folders named by the taxonomy in seven parts."""

import uuid
from pathlib import Path

import numpy as np

from tests.images.sources.miniatures._pixels import save_jpeg

SPECIES = (
    "00000_Animalia_Annelida_Clitellata_Haplotaxida_Lumbricidae_Lumbricus_terrestris",
    "00001_Animalia_Chordata_Aves_Accipitriformes_Accipitridae_Accipiter_badius",
    "00002_Plantae_Tracheophyta_Polypodiopsida_Polypodiales_Woodsiaceae_Woodsia_novae-angliae",
)
PER_SPECIES = {"train_mini": 3, "val": 2}


def make_inaturalist(root: Path, *, seed: int = 0) -> dict[str, list[tuple[str, str | None]]]:
    """Write the set below `root` and return {split: [(key, class)]}, sorted by key.

    Traps: hidden files, an ending in upper case, a species with a hyphen, a stray metadata file.
    """
    draws = np.random.default_rng(seed)
    expected: dict[str, list[tuple[str, str | None]]] = {"train": [], "test": []}
    number = seed
    for folder, count in PER_SPECIES.items():
        for species in SPECIES:
            for position in range(count):
                number += 1
                ending = "JPG" if (folder, species, position) == ("train_mini", SPECIES[1], 1) else "jpg"
                name = f"{uuid.UUID(bytes=draws.bytes(16), version=4)}.{ending}"
                save_jpeg(root / folder / species / name, number)
                split = "train" if folder == "train_mini" else "test"
                expected[split].append((f"{folder}/{species}/{name}", species))
            (root / folder / species / "._a.jpg").write_bytes(b"resource fork")
    (root / "train_mini" / ".DS_Store").write_bytes(b"\0")
    (root / "train_mini.json").write_text("{}")
    return {split: sorted(images) for split, images in expected.items()}
