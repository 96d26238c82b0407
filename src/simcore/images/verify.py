"""Which images can be used, how large they are, and why the others cannot."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from simcore.images.decode import decode_compact, measure
from simcore.images.encoded import ByteReader, UnreadableError, reading_lots, split_packed_uri
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

    The answer does not depend on `workers`. Time is that of decoding everything once ("decode"), or of opening
    everything once ("header"). Memory is one image a worker, and two row groups of packed files.

    Args:
        uris: files, or rows of packed Parquet files.
        verify: "decode" finds truncated and damaged pixels; "header" only files that are no images.
        workers: threads (Pillow releases the interpreter lock while it decodes); None takes every usable core.
        show_progress: show a bar.
    """
    sizes = np.zeros((len(uris), 2), dtype=np.int32)
    reasons: list[str | None] = [None] * len(uris)
    lots = reading_lots(uris)
    reader = ByteReader()

    def measure_lot(lot: np.ndarray) -> list[tuple[int, int, int, str | None]]:
        return [(position, *_measure(uris[position], reader, verify=verify)) for position in lot.tolist()]

    with ThreadPoolExecutor(usable_workers(workers)) as pool:
        found = chain.from_iterable(pool.map(measure_lot, lots))
        bar = (
            progress(found, description="check images", total=len(uris), unit="image")
            if show_progress
            else found
        )
        for position, width, height, reason in bar:
            sizes[position] = width, height
            reasons[position] = reason
    return pd.DataFrame(
        {"width": sizes[:, 0], "height": sizes[:, 1], "reason": pd.Series(reasons, dtype="str")},
    )


def _measure(uri: str, reader: ByteReader, *, verify: Verify) -> tuple[int, int, str | None]:
    try:
        if verify == "decode":
            height, width = decode_compact(reader.read(uri)).shape[:2]
        elif split_packed_uri(uri) is None:
            width, height = measure(Path(uri))
        else:
            width, height = measure(reader.read(uri))
    except UnreadableError as error:
        return 0, 0, str(error)
    return width, height, None
