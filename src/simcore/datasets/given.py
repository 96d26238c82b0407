"""What the selection leaves, or stands in for it where the coreset is given as a list."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io.core import Version, VersionNotFoundError
from kedro_datasets._typing import JSONPreview, TablePreview

from simcore.datasets.atomic import AtomicDataset
from simcore.datasets.records import RecordsDataset
from simcore.datasets.tables import TableDataset
from simcore.errors import InputError
from simcore.reuse.records import read_stored_table


class _UnlessGiven(AtomicDataset[Any, Any]):
    """An artefact of the selection; where a list is given, nothing is selected or saved.

    Args:
        filepath: Where the project keeps its own.
        version: See `AtomicDataset`.
        metadata: See `AtomicDataset`.
        given: A list of images that stands for the coreset, see `simcore.exporting.read_list`.
    """

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
        given: str | None = None,
    ) -> None:
        super().__init__(filepath=filepath, version=version, metadata=metadata)
        self.given = None if given is None else Path(given).expanduser().absolute()

    def load(self) -> Any:
        """Return what stands for the artefact, or the one of the load version."""
        return super().load() if self.given is None else self._instead(self.given)

    def save(self, data: Any) -> None:
        """Write the artefact; never where the coreset is given."""
        if self.given is not None:
            raise InputError(
                f"The coreset is given by {self.given}, so none is selected; leave out `pretraining.coreset`."
            )
        super().save(data)

    def outside_state(self) -> str | None:
        """Return the fingerprint of the list's content; None where the coreset is selected."""
        from simcore.parameters.weights import weights_fingerprint

        if self.given is not None and not self.given.is_file():
            raise InputError(
                f"`pretraining.coreset` is {self.given}, which is no file; give a list of keys or uris: .txt, .csv or "
                ".parquet."
            )
        return None if self.given is None else weights_fingerprint(str(self.given))

    def _exists(self) -> bool:
        return super()._exists() if self.given is None else self.given.exists()

    def _instead(self, given: Path) -> Any:
        """Return what stands for the artefact where the list `given` is the coreset."""
        raise NotImplementedError


class CoresetDataset(_UnlessGiven, TableDataset):
    """A coreset, selected or given as a list of keys or uris.

    A given one has the columns of a selected one, in the list's order: `key`, and `source` as in the manifest; the rest
    is null, since no encoder has looked at it.

    Args:
        filepath: See `_UnlessGiven`, as the next three.
        version: See `AtomicDataset`.
        metadata: See `AtomicDataset`.
        given: See `_UnlessGiven`.
        manifest: Where the open-set's manifest is kept; a list's entries are looked up in its newest version.
    """

    def __init__(self, *, manifest: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.manifest = manifest

    def _instead(self, given: Path) -> pd.DataFrame:
        from simcore.exporting import read_list, resolve_list

        listed = read_list(given)
        newest = TableDataset(filepath=self.manifest, version=Version(None, None))
        try:
            path = Path(newest._get_load_path())
        except VersionNotFoundError as error:
            raise InputError(
                f"{given} lists images of the open-set, which has no manifest yet; run the stage `ingestion` before."
            ) from error
        manifest = read_stored_table(path, columns=["key", "uri", "source"])
        rows = resolve_list(listed, manifest, path=given)
        n = len(rows)
        return pd.DataFrame(
            {
                "key": rows["key"].astype("string"),
                "position": pd.array([None] * n, dtype="Int64"),
                "round": pd.array([None] * n, dtype="Int32"),
                "centroid": pd.array([None] * n, dtype="Int32"),
                "similarity": pd.array([None] * n, dtype="Float64"),
                "source": rows["source"].astype("string"),
            }
        )

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz."""
        if self.given is None:
            return super().preview(nrows=nrows)
        return TablePreview(self.load().head(nrows).astype(object).to_dict(orient="split"))


class SelectionTableDataset(_UnlessGiven, TableDataset):
    """A table that explains a selection; without rows where the coreset is given.

    Args:
        filepath: See `_UnlessGiven`, as the next three.
        version: See `AtomicDataset`.
        metadata: See `AtomicDataset`.
        given: See `_UnlessGiven`.
        columns: Of the table without rows.
    """

    def __init__(self, *, columns: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.columns = list(columns)

    def _instead(self, given: Path) -> pd.DataFrame:
        return pd.DataFrame(columns=self.columns, dtype="float64")

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz."""
        if self.given is None:
            return super().preview(nrows=nrows)
        return TablePreview(self.load().to_dict(orient="split"))


class CertificateDataset(_UnlessGiven, RecordsDataset):
    """The certificate of a selection; where the coreset is given, by which file."""

    def _instead(self, given: Path) -> dict[str, Any]:
        return {
            "method": "given",
            "stopped_by": "the list was given, nothing was selected",
            "list": str(given),
            "fingerprints": {"list": self.outside_state()},
        }

    def preview(self) -> JSONPreview:
        """Return the content for kedro-viz."""
        import json

        return super().preview() if self.given is None else JSONPreview(json.dumps(self.load()))
