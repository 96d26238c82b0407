"""Tables: manifests, coresets, traces, comparisons."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from kedro_datasets._typing import TablePreview
from kedro_datasets.pandas import ParquetDataset

from simcore.datasets.atomic import AtomicDataset
from simcore.datasets.linking import link_or_copy


class TableDataset(AtomicDataset[pd.DataFrame | Path, pd.DataFrame]):
    """A pandas frame in one Parquet file, through `kedro_datasets.pandas.ParquetDataset`, saved atomically.

    Saving also takes the path of a finished Parquet file, such as a manifest of ten million rows that was never in
    memory: it is hard-linked into place, or copied where the file system cannot.
    """

    def _write(self, data: pd.DataFrame | Path, path: Path) -> None:
        if isinstance(data, Path):
            link_or_copy(data, path)
        else:
            ParquetDataset(filepath=path.as_posix(), save_args={"index": False}).save(data)

    def _read(self, path: Path) -> pd.DataFrame:
        frame: pd.DataFrame = ParquetDataset(filepath=path.as_posix()).load()
        texts = [name for name in frame if isinstance(frame[name].dtype, pd.StringDtype)]
        pa.Table.from_pandas(frame[texts], preserve_index=False).validate(full=True)  # bytes that are no UTF-8
        return frame

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz, reading no more than those."""
        batch = next(pq.ParquetFile(Path(self._get_load_path())).iter_batches(batch_size=nrows), None)
        frame = pd.DataFrame() if batch is None else batch.to_pandas()
        return TablePreview(frame.to_dict(orient="split"))
