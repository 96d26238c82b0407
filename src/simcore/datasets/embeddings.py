"""Embedding shards as a catalog entry."""

import os
import shutil
from pathlib import Path
from typing import Any

from kedro_datasets._typing import TablePreview

from simcore.datasets.atomic import AtomicDataset


def _link_or_copy(source: Path, target: Path) -> None:
    """Give a finished shard its place without copying its bytes where the file system can."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)


class EmbeddingsDataset(AtomicDataset[Any, Any]):
    """A directory of Parquet shards; loads as a lazy `simcore.embeddings.Embeddings`, whatever its size.

    Saving takes such a handle: its shards, written where an interrupted extraction can go on, are hard-linked
    into the version's folder.
    """

    is_directory = True

    def _write(self, data: Any, path: Path) -> None:
        for shard in sorted(Path(data.directory).glob("*.parquet")):
            _link_or_copy(shard, path / shard.name)

    def _read(self, path: Path) -> Any:
        from simcore.embeddings import open_embeddings

        return open_embeddings(path)

    def preview(self, nrows: int = 5, columns: int = 8) -> TablePreview:
        """Return the first rows and dimensions for kedro-viz."""
        keys, rows = next(iter(self.load().blocks(rows=nrows)))
        header = ["key", *(f"dim {i}" for i in range(min(columns, rows.shape[1])))]
        body = [[str(key), *(float(x) for x in row[:columns])] for key, row in zip(keys, rows, strict=True)]
        return TablePreview({"index": list(range(len(body))), "columns": header, "data": body})
