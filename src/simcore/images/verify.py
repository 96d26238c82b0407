"""Which images can be used, how large they are, and why the others cannot."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from simcore.images.decode import decode_compact, measure
from simcore.images.encoded import Encoded, UnreadableError, map_images
from simcore.progress import progress

Verify = Literal["decode", "header"]

_MOST_WORKERS = 16


def usable_workers(workers: int | None = None) -> int:
    """Return `workers`, or the number of cores this process may use (at most 16) when it is None."""
    if workers is not None:
        return max(1, workers)
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    return min(_MOST_WORKERS, cores)


def measure_images(
    uris: Sequence[str], *, verify: Verify = "decode", workers: int | None = None, show_progress: bool = False
) -> pd.DataFrame:
    """Return `width`, `height` (int32 pixels, 0 where unusable) and `reason` (null where usable) of each uri.

    The answer does not depend on `workers`. Time is that of decoding everything once ("decode"), or of
    opening everything once ("header"). Memory is a few images a worker, and two row groups of a packed file.

    Args:
        uris: files, or rows of packed Parquet files.
        verify: "decode" finds truncated and damaged pixels; "header" only files that are no images.
        workers: threads (Pillow decodes without the interpreter lock); None takes every usable core.
        show_progress: show a bar.
    """
    sizes = np.zeros((len(uris), 2), dtype=np.int32)
    reasons: list[str | None] = [None] * len(uris)

    def measure_one(_: int, image: Encoded) -> tuple[int, int, str | None]:
        try:
            if verify == "header":
                return *measure(Path(image.uri) if image.row is None else image.read()), None
            height, width = decode_compact(image.read()).shape[:2]
        except UnreadableError as error:
            return 0, 0, str(error)
        return width, height, None

    found = map_images(measure_one, uris, workers=usable_workers(workers))
    bar = progress(found, description="check images", total=len(uris), unit="image") if show_progress else found
    for position, (width, height, reason) in bar:
        sizes[position] = width, height
        reasons[position] = reason
    return pd.DataFrame(
        {"width": sizes[:, 0], "height": sizes[:, 1], "reason": pd.Series(reasons, dtype="str")},
    )
