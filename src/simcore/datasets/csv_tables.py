"""Tables that a person fills in."""

from pathlib import Path

import pandas as pd
from kedro_datasets._typing import TablePreview
from kedro_datasets.pandas import CSVDataset

from simcore.datasets.atomic import AtomicDataset


class CsvDataset(AtomicDataset[pd.DataFrame, pd.DataFrame]):
    """A pandas frame as CSV text, through `kedro_datasets.pandas.CSVDataset`, saved atomically.

    All columns are loaded as text, empty cells as empty text; `attrs["file"]` is where the table lies, so that a
    message can send a person there.
    """

    edited_by_hand = True

    def _write(self, data: pd.DataFrame, path: Path) -> None:
        CSVDataset(filepath=path.as_posix(), save_args={"index": False}).save(data)

    def _read(self, path: Path) -> pd.DataFrame:
        load_args = {"dtype": str, "keep_default_na": False}
        table: pd.DataFrame = CSVDataset(filepath=path.as_posix(), load_args=load_args).load()
        table.attrs["file"] = str(path)
        return table

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz."""
        return TablePreview(self.load().head(nrows).to_dict(orient="split"))
