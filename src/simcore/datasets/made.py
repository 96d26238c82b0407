"""What a data root holds: every artefact's newest record."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro.io.core import DatasetError

from simcore.reuse.records import newest_records


class RecordsIndexDataset(AbstractDataset[None, dict[str, dict[str, Any]]]):
    """The records beside the artefacts below a folder: dataset name to path, seconds, save version, libraries.

    Read-only. It takes no part in re-use: that the same artefact was made again changes no result.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._root = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, dict[str, Any]]:
        """Return the newest record of every artefact, with where it lies."""
        return newest_records(self._root)

    def save(self, data: None) -> None:
        """Refuse: records are written with their artefacts."""
        raise DatasetError("Records are written with their artefacts; this dataset only reads them.")

    def _exists(self) -> bool:
        return self._root.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._root)}
