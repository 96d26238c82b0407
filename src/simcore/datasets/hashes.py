"""Hashes of a pool's images as a catalog entry."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from kedro_datasets._typing import TablePreview

from simcore.datasets.atomic import AtomicDataset
from simcore.datasets.linking import link_or_copy


class HashesDataset(AtomicDataset[Any, Any]):
    """A directory of Parquet parts; loads as a lazy `simcore.audit.Hashes`, whatever its size.

    Saving takes such a handle: its parts, written where an interrupted run can go on, are hard-linked into place.
    """

    is_directory = True

    def _write(self, data: Any, path: Path) -> None:
        for part in sorted(Path(data.directory).glob("*.parquet")):
            link_or_copy(part, path / part.name)

    def _read(self, path: Path) -> Any:
        from simcore.audit import Hashes

        return Hashes(path)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz, hashes in hexadecimal digits."""
        part = min(Path(self._get_load_path()).glob("*.parquet"))
        columns = ["key", "bytes", "pixels", "phash"]
        batch = next(pq.ParquetFile(part).iter_batches(batch_size=nrows, columns=columns))
        rows = [
            [row["key"], row["bytes"].hex(), row["pixels"].hex(), f"{row['phash']:016x}"] for row in batch.to_pylist()
        ]
        return TablePreview({"index": list(range(len(rows))), "columns": columns, "data": rows})
