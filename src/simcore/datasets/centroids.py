"""Centroids as a catalog entry."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from kedro_datasets._typing import TablePreview

from simcore.datasets.atomic import AtomicDataset
from simcore.errors import ArtefactError
from simcore.tables import read_table

_METADATA = b"simcore"


class CentroidsDataset(AtomicDataset[Any, Any]):
    """A `simcore.selection.Clustering` in one Parquet file: `centroid`, `size`, `vector` (d float32, unit length).

    Inertia and settings are JSON in the schema's metadata.
    """

    def _write(self, data: Any, path: Path) -> None:
        k, dim = data.centroids.shape
        values = pa.array(np.ascontiguousarray(data.centroids, dtype=np.float32).reshape(-1))
        facts = json.dumps({"inertia": data.inertia, "settings": data.settings})
        table = pa.table(
            {
                "centroid": pa.array(np.arange(k, dtype=np.int32)),
                "size": pa.array(np.asarray(data.sizes, dtype=np.int64)),
                "vector": pa.FixedSizeListArray.from_arrays(values, dim),
            }
        ).replace_schema_metadata({_METADATA: facts.encode()})
        pq.write_table(table, path)

    def _read(self, path: Path) -> Any:
        from simcore.selection import Clustering

        table = read_table(path)
        facts = json.loads(table.schema.metadata[_METADATA])
        vectors = table["vector"].combine_chunks()
        rows = vectors.flatten().to_numpy().reshape(len(table), -1).copy()
        if not len(table) or not np.isfinite(rows).all():
            raise ArtefactError(
                f"{path} holds centroids with values that are no numbers; run the stage `clustering` again."
            )
        return Clustering(rows, facts["inertia"], table["size"].to_numpy().copy(), facts["settings"])

    def preview(self, nrows: int = 5, columns: int = 8) -> TablePreview:
        """Return the first centroids and dimensions for kedro-viz."""
        clustering = self.load()
        rows = clustering.centroids[:nrows, :columns].round(4).tolist()
        data = [[int(size), *row] for size, row in zip(clustering.sizes, rows, strict=False)]
        header = ["size", *(f"dim {i}" for i in range(len(rows[0])))]
        return TablePreview({"index": list(range(len(rows))), "columns": header, "data": data})
