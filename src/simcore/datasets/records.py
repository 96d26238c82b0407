"""JSON artefacts: metrics, certificates, settings."""

from pathlib import Path
from typing import Any

from kedro_datasets._typing import JSONPreview
from kedro_datasets.json import JSONDataset

from simcore.datasets.atomic import AtomicDataset


class RecordsDataset(AtomicDataset[Any, Any]):
    """Plain data in one JSON file, through `kedro_datasets.json.JSONDataset`, saved atomically."""

    def _write(self, data: Any, path: Path) -> None:
        JSONDataset(filepath=path.as_posix(), save_args={"indent": 1, "allow_nan": False}).save(data)

    def _read(self, path: Path) -> Any:
        return JSONDataset(filepath=path.as_posix()).load()

    def preview(self) -> JSONPreview:
        """Return the content for kedro-viz."""
        return JSONPreview(Path(self._get_load_path()).read_text(encoding="utf-8"))
