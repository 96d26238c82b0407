"""Artefacts that may not be there."""

from typing import Any

from kedro.io.core import VersionNotFoundError

from simcore.datasets.records import RecordsDataset
from simcore.datasets.tables import TableDataset


class IfStoredTableDataset(TableDataset):
    """A table; loads as None where none was ever stored.

    For an input that a node reads only under some parameter (`simcore.reuse.reading`): without it the table is not
    made, and an ordinary dataset could not be loaded then.
    """

    may_be_missing = True

    def load(self) -> Any:
        """Return the table of the load version, or None."""
        try:
            stored = self._exists()
        except VersionNotFoundError:
            return None
        return super().load() if stored else None


class IfStoredRecordsDataset(RecordsDataset):
    """Records; loads as None where none were ever stored, as `IfStoredTableDataset`."""

    may_be_missing = True

    def load(self) -> Any:
        """Return the records of the load version, or None."""
        try:
            stored = self._exists()
        except VersionNotFoundError:
            return None
        return super().load() if stored else None
