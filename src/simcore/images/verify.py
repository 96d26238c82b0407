"""Which images can be used, how large they are, and why the others cannot."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from simcore.devices import usable_cores
from simcore.errors import in_a_line
from simcore.images.decode import decode_compact, measure
from simcore.images.encoded import Encoded, UnreadableError, map_images
from simcore.images.runs import BATCH_ROWS, write_tables
from simcore.progress import progress

Verify = Literal["decode", "header"]

PART_ROWS = 65_536
"""Images of a part: what an interrupted run does again at most."""

NOT_THERE = "the file does not exist"
_MOST_WORKERS = 16


def usable_workers(workers: int | None = None) -> int:
    """Return `workers`, or the number of cores this process may use (at most 16) when it is None."""
    if workers is not None:
        return max(1, workers)
    return min(_MOST_WORKERS, usable_cores())


def measure_images(
    uris: Sequence[str],
    *,
    verify: Verify = "decode",
    workers: int | None = None,
    bar: "tqdm | None" = None,
) -> pd.DataFrame:
    """Return `width`, `height` (int32 pixels, 0 where unusable) and `reason` (null where usable) of each uri.

    The answer does not depend on `workers`. Time is that of decoding everything once ("decode"), or of
    opening everything once ("header"). Memory is a few images a worker, and two row groups of a packed file.

    Args:
        uris: files, or rows of packed Parquet files.
        verify: "decode" finds truncated and damaged pixels; "header" only files that are no images.
        workers: threads (Pillow decodes without the interpreter lock); None takes every usable core.
        bar: is moved on by each image.
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
        except FileNotFoundError:
            return 0, 0, NOT_THERE
        except OSError as error:
            return 0, 0, error.strerror or in_a_line(error)
        return width, height, None

    for position, (width, height, reason) in map_images(measure_one, uris, workers=usable_workers(workers)):
        sizes[position] = width, height
        reasons[position] = reason
        if bar is not None:
            bar.update()
    return pd.DataFrame(
        {"width": sizes[:, 0], "height": sizes[:, 1], "reason": pd.Series(reasons, dtype="str")},
    )


def verify_parts(
    tables: Iterable[pa.Table],
    directory: Path,
    *,
    total: int,
    verify: Verify,
    workers: int | None = None,
    show_progress: bool = False,
    missing: Callable[[], None] | None = None,
) -> list[Path]:
    """Return the parts in `directory`, one a table of `tables`: its rows by key, with `width`, `height` and `reason`.

    A part that is there already is not made again, so an interrupted run goes on at the first missing one. Images
    that come with a reason are not opened.

    Args:
        tables: columns `key`, `uri`, `reason` and any others, the same tables at each call.
        directory: where the parts go.
        total: rows of all tables, for the bar.
        verify: see `measure_images`.
        workers: see `measure_images`.
        show_progress: show a bar over images.
        missing: called where files of a part were not there, before it is written; may raise.
    """
    directory.mkdir(parents=True, exist_ok=True)
    bar = progress((), description="check images", total=total, unit="image", shown=show_progress)
    paths = []
    with closing(bar):
        for number, table in enumerate(tables):
            path = directory / f"part-{number:05d}.parquet"
            if path.exists():
                bar.update(len(table))
            else:
                measured = _measured(table, verify=verify, workers=workers, bar=bar).sort_by("key")
                if missing is not None and pc.any(pc.equal(measured.column("reason"), NOT_THERE)).as_py():
                    missing()
                write_tables(path, [measured], schema=measured.schema, rows=BATCH_ROWS, compression="lz4")
            paths.append(path)
    return paths


def _measured(table: pa.Table, *, verify: Verify, workers: int | None, bar: "tqdm") -> pa.Table:
    known = table.column("reason").to_pylist()
    openable = [row for row, reason in enumerate(known) if reason is None]
    uris = table.column("uri").take(pa.array(openable, pa.int64())).to_pylist()
    found = measure_images(uris, verify=verify, workers=workers, bar=bar)
    bar.update(len(table) - len(uris))
    sizes = np.zeros((2, len(table)), dtype=np.int32)
    sizes[:, openable] = found["width"], found["height"]
    for row, reason in zip(openable, found["reason"], strict=True):
        known[row] = None if pd.isna(reason) else reason
    columns = {"width": pa.array(sizes[0]), "height": pa.array(sizes[1]), "reason": pa.array(known, pa.large_string())}
    rest = [name for name in table.column_names if name != "reason"]
    return pa.table({name: table.column(name) for name in rest} | columns)
