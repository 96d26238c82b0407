"""Base of the project's datasets: an artefact is written beside and renamed, so no version is ever half there."""

from abc import abstractmethod
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from kedro.io.core import AbstractVersionedDataset, DatasetError, Version

from simcore.files import atomic_directory, atomic_file

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class AtomicDataset(AbstractVersionedDataset[_In, _Out]):
    """One file or directory on a local or mounted file system, versioned or not.

    Subclasses say how to `_write` and `_read` a path, and set `is_directory`.

    Args:
        filepath: Where the artefact is kept.
        version: Kedro's load and save versions; given by the catalog with `versioned: true`.
        metadata: Free metadata for plugins (layer, what to log).

    Raises:
        DatasetError: For an address with a protocol such as `s3://`: renaming is not atomic there. Mount
            the store, or give a local path.
    """

    is_directory = False

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if "://" in filepath:
            raise DatasetError(
                f"`filepath` is {filepath!r}: artefacts need a local or mounted path, because they are written "
                "beside and renamed; mount the store and give its path."
            )
        self.metadata = metadata
        super().__init__(PurePosixPath(filepath), version)

    @abstractmethod
    def _write(self, data: _In, path: Path) -> None:
        """Write `data` to `path`, which nobody else sees yet."""

    @abstractmethod
    def _read(self, path: Path) -> _Out:
        """Return what lies at `path`."""

    def load(self) -> _Out:
        """Return the artefact of the load version."""
        return self._read(Path(self._get_load_path()))

    def save(self, data: _In) -> None:
        """Write the artefact; it appears under its name when it is whole."""
        atomic = atomic_directory if self.is_directory else atomic_file
        with atomic(Path(self._get_save_path())) as partial:
            self._write(data, partial)

    def _exists(self) -> bool:
        return Path(self._get_load_path()).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}
