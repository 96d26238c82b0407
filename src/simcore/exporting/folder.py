"""A folder of image files."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from simcore.exporting.names import safe_names
from simcore.exporting.reading import image_suffix, read_image
from simcore.images.encoded import Encoded, map_images
from simcore.images.verify import usable_workers
from simcore.progress import progress

LOGGER = logging.getLogger(__name__)


def write_folder(
    images: pd.DataFrame,
    folder: str | Path,
    *,
    links: bool = False,
    workers: int | None = None,
    show_progress: bool = False,
) -> list[str]:
    """Write the files of `images`, byte for byte; return their paths below `folder`.

    Paths are the keys, made safe by `safe_names`; a key without an ending gets that of the file's format.

    Args:
        images: Columns `key` (unique) and `uri`.
        folder: Where the files go.
        links: Symbolic links to images that are local files; those inside packed files, tars and remote stores are
            written all the same.
        workers: Threads; None takes every usable core.
        show_progress: Show a bar.

    Raises:
        InputError: If an image cannot be read.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "a.png").write_bytes(b"pixels")
        >>> table = pd.DataFrame({"key": ["cats/a.png"], "uri": [str(root / "a.png")]})
        >>> write_folder(table, root / "out")
        ['cats/a.png']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    keys, uris = images["key"].tolist(), images["uri"].tolist()
    names = safe_names(keys)
    written = np.full(len(keys), "", dtype=object)

    def place(position: int, source: bytes | Path) -> Path:
        suffix = "" if names.suffixes[position] else image_suffix(source, key=keys[position])
        written[position] = names.full(position, suffix=suffix)
        path = folder / written[position]
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def copy(position: int, image: Encoded) -> None:
        data = read_image(image, key=keys[copied[position]])
        place(int(copied[position]), data).write_bytes(data)

    local = np.array([links and Path(uri).is_absolute() and Path(uri).is_file() for uri in uris], dtype=bool)
    copied = np.flatnonzero(~local)
    if links and len(copied):
        LOGGER.info("%d of %d images are no local files and are written instead of linked.", len(copied), len(keys))
    with progress((), description="write images", total=len(keys), unit="image", shown=show_progress) as bar:
        for position in np.flatnonzero(local):
            source = Path(uris[position])
            place(int(position), source).symlink_to(source)
            bar.update()
        for _ in map_images(copy, [uris[position] for position in copied], workers=usable_workers(workers)):
            bar.update()
    return written.tolist()
