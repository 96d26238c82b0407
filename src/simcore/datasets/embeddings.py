"""Embedding shards as a catalog entry."""

import hashlib
from pathlib import Path
from typing import Any

from kedro.io.core import Version
from kedro_datasets._typing import TablePreview

from simcore.datasets.atomic import AtomicDataset
from simcore.datasets.linking import link_or_copy
from simcore.errors import InputError


class EmbeddingsDataset(AtomicDataset[Any, Any]):
    """A directory of Parquet shards; loads as a lazy `simcore.embeddings.Embeddings`, whatever its size.

    Saving takes such a handle: its shards, written where an interrupted extraction can go on, are hard-linked
    into the version's folder.

    Args:
        filepath: Where the project keeps its own.
        version: See `AtomicDataset`.
        metadata: See `AtomicDataset`.
        given: A directory of embeddings from elsewhere, loaded instead; nothing is extracted or saved then.
    """

    is_directory = True

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
        """Return the given embeddings, or those of the load version."""
        return super().load() if self.given is None else self._read(self.given)

    def save(self, data: Any) -> None:
        """Link the shards of `data` into the save version; given embeddings are never written to."""
        if self.given is not None:
            raise InputError(
                f"The embeddings {self.given} are given, so none are extracted; leave out the stage `embedding` "
                "or the parameter that gives them."
            )
        super().save(data)

    def _exists(self) -> bool:
        return self.given.exists() if self.given is not None else super()._exists()

    def outside_state(self) -> str | None:
        """Return what given embeddings are and when their shards were written; None where the project makes its own.

        Other rows under the same keys have the same fingerprint, but were written at another time.
        """
        from simcore.embeddings import open_embeddings

        if self.given is None:
            return None
        times = [(path.name, path.stat().st_mtime_ns) for path in sorted(Path(self.given).glob("*.parquet"))]
        return hashlib.sha256(f"{open_embeddings(self.given).fingerprint()} {times}".encode()).hexdigest()

    def _write(self, data: Any, path: Path) -> None:
        for shard in sorted(Path(data.directory).glob("*.parquet")):
            link_or_copy(shard, path / shard.name)

    def _read(self, path: Path) -> Any:
        from simcore.embeddings import open_embeddings

        return open_embeddings(path)

    def preview(self, nrows: int = 5, columns: int = 8) -> TablePreview:
        """Return the first rows and dimensions for kedro-viz."""
        keys, rows = next(iter(self.load().blocks(rows=nrows)))
        header = ["key", *(f"dim {i}" for i in range(min(columns, rows.shape[1])))]
        body = [[str(key), *(float(x) for x in row[:columns])] for key, row in zip(keys, rows, strict=True)]
        return TablePreview({"index": list(range(len(body))), "columns": header, "data": body})
