"""Describable Textures (DTD) in miniature."""

from pathlib import Path

import numpy as np
import scipy.io

from tests.images.sources.miniatures._pixels import save_jpeg

_TEXTURES = {"banded": (2, 4, 5, 6, 11), "polka-dotted": (110, 30, 31, 99), "zigzagged": (40, 41, 42)}
_PARTS = ("train", "val", "test")


def make_textures(root: Path, *, seed: int = 0) -> dict[str, list[tuple[str, str | None]]]:
    """Write images/, labels/ with two of the ten splits and imdb/ below `root`; return {split: [(key, class)]}.

    Traps: the lists of the second split put every image into another part, a class name with a hyphen, an image with
    several attributes in labels_joint_anno.txt, files that Finder leaves behind.
    """
    images = [f"{texture}/{texture}_{index:04d}.jpg" for texture, indices in _TEXTURES.items() for index in indices]
    for number, image in enumerate(images, start=seed):
        save_jpeg(root / "images" / image, number)
    (root / "labels").mkdir()
    for fold in (1, 2):
        for rank, part in enumerate(_PARTS):
            lines = [image for number, image in enumerate(images) if (number + fold - 1) % len(_PARTS) == rank]
            (root / "labels" / f"{part}{fold}.txt").write_text("".join(f"{line}\n" for line in lines))
    (root / "labels" / "labels_joint_anno.txt").write_text(
        "".join(f"{image} {image.split('/')[0]} {'grid ' * (number % 2)}\n" for number, image in enumerate(images))
    )
    (root / "imdb").mkdir()
    scipy.io.savemat(root / "imdb" / "imdb.mat", {"imdb": {"imageDir": "images", "set": np.ones((1, len(images)))}})
    (root / "images" / "banded" / "._banded_0002.jpg").write_bytes(b"\x00\x05\x16\x07")
    (root / "images" / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    of_split = {"train": (0, 1), "test": (2,)}
    return {
        split: sorted(
            (f"images/{image}", image.split("/")[0])
            for number, image in enumerate(images)
            if number % len(_PARTS) in ranks
        )
        for split, ranks in of_split.items()
    }
