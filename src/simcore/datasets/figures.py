"""Figures and the report."""

import base64
from pathlib import Path
from typing import Any

from kedro_datasets._typing import ImagePreview, PlotlyPreview
from kedro_datasets.plotly import JSONDataset as PlotlyJSONDataset

from simcore.datasets.atomic import AtomicDataset


class FigureDataset(AtomicDataset[Any, Any]):
    """A plotly figure as JSON, through `kedro_datasets.plotly.JSONDataset`, saved atomically."""

    def _write(self, data: Any, path: Path) -> None:
        PlotlyJSONDataset(filepath=path.as_posix()).save(data)

    def _read(self, path: Path) -> Any:
        return PlotlyJSONDataset(filepath=path.as_posix()).load()

    def preview(self) -> PlotlyPreview:
        """Return the figure for kedro-viz."""
        return PlotlyJSONDataset(filepath=Path(self._get_load_path()).as_posix()).preview()


class PageDataset(AtomicDataset[str, str]):
    """One self-contained HTML page."""

    def _write(self, data: str, path: Path) -> None:
        path.write_text(data, encoding="utf-8")

    def _read(self, path: Path) -> str:
        return path.read_text(encoding="utf-8")


class PictureDataset(AtomicDataset[bytes, bytes]):
    """One PNG."""

    def _write(self, data: bytes, path: Path) -> None:
        path.write_bytes(data)

    def _read(self, path: Path) -> bytes:
        return path.read_bytes()

    def preview(self) -> ImagePreview:
        """Return the picture for kedro-viz."""
        return ImagePreview(base64.b64encode(Path(self._get_load_path()).read_bytes()).decode("ascii"))
