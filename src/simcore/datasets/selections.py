"""Selections that others are cut from."""

from pathlib import Path
from typing import Any

from kedro_datasets._typing import TablePreview

from simcore.datasets.atomic import AtomicDataset


class SelectionDataset(AtomicDataset[Any, Any]):
    """One `simcore.selection.Selection`: a directory with its coreset, trace and certificate."""

    is_directory = True

    def _write(self, data: Any, path: Path) -> None:
        data.save(path)

    def _read(self, path: Path) -> Any:
        from simcore.selection import Selection

        return Selection.load(path)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rounds for kedro-viz."""
        return TablePreview(self.load().trace.head(nrows).to_dict(orient="split"))
