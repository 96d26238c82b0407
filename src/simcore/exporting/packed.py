"""Packed Parquet: keys and encoded images in one table, which `read_source` takes as it is."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from simcore.exporting.reading import read_in_order
from simcore.images.encoded import IMAGE_COLUMN, packed_uri
from simcore.progress import progress

_GROUP_BYTES = 32 * 2**20
_GROUP_ROWS = 4096


def write_packed(
    images: pd.DataFrame,
    folder: str | Path,
    *,
    shard_mib: int = 512,
    workers: int | None = None,
    show_progress: bool = False,
) -> list[str]:
    """Write `images` as `part-00000.parquet`, `part-00001.parquet`, ... into `folder`; return where each is.

    Columns `key`, `image` (the files' bytes as they are), and `label` and `split` where `images` has them. Row groups
    hold 32 MiB of images at most (or one), so that a single image is read at little cost. The same images give the same
    bytes with the same pyarrow.

    Args:
        images: Columns `key` (unique) and `uri`, and perhaps `label` and `split`.
        folder: Where the parts go.
        shard_mib: Most MiB of images in a part; a single larger image has a part of its own.
        workers: Threads that read; None takes every usable core.
        show_progress: Show a bar.

    Returns:
        One `<part>#row=<n>` an image.

    Raises:
        InputError: If an image cannot be read.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "a.png").write_bytes(b"pixels")
        >>> write_packed(pd.DataFrame({"key": ["a.png"], "uri": [str(root / "a.png")]}), root / "out")
        ['part-00000.parquet#row=0']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    facts = images[[name for name in ("key", "label", "split") if name in images]]
    schema = pa.schema([(name, pa.string()) for name in facts]).insert(1, pa.field(IMAGE_COLUMN, pa.binary()))
    found = read_in_order(images["key"].tolist(), images["uri"].tolist(), spool=folder, workers=workers)
    encoded = progress(found, description="pack images", total=len(images), unit="image", shown=show_progress)
    places: list[str] = []
    writer: pq.ParquetWriter | None = None
    n_parts = n_rows = n_bytes = 0
    try:
        for group in _groups(encoded, most_bytes=min(_GROUP_BYTES, shard_mib * 2**20)):
            size = sum(map(len, group))
            if writer is not None and n_bytes + size > shard_mib * 2**20:
                writer.close()
                writer = None
            if writer is None:
                name = f"part-{n_parts:05d}.parquet"
                writer = _open(folder / name, schema)
                n_parts, n_rows, n_bytes = n_parts + 1, 0, 0
            rows = facts.iloc[len(places) : len(places) + len(group)]
            texts = {column: pa.array(rows[column].tolist(), from_pandas=True, type=pa.string()) for column in rows}
            columns = {**texts, IMAGE_COLUMN: pa.array(group, type=pa.binary())}
            writer.write_table(pa.table(columns).select(schema.names), row_group_size=len(group))
            places += [packed_uri(name, n_rows + row) for row in range(len(group))]
            n_rows, n_bytes = n_rows + len(group), n_bytes + size
    finally:
        if writer is not None:
            writer.close()
    return places


def _groups(encoded: Iterable[bytes], *, most_bytes: int) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 0
    for data in encoded:
        if group and (size + len(data) > most_bytes or len(group) == _GROUP_ROWS):
            yield group
            group, size = [], 0
        group.append(data)
        size += len(data)
    if group:
        yield group


def _open(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        schema,
        compression={name: "NONE" if name == IMAGE_COLUMN else "ZSTD" for name in schema.names},
        use_dictionary=[name for name in schema.names if name in ("label", "split")],
        write_statistics=["key"],
    )
