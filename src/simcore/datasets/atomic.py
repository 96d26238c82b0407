"""Base of the project's datasets: an artefact is written beside and renamed, so no version is ever half there."""

from abc import abstractmethod
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from kedro.io.core import AbstractVersionedDataset, DatasetError, Version, generate_timestamp

from simcore.content import CONTENT_NAME, find_damage, whole_versions, write_content
from simcore.files import atomic_directory, atomic_file
from simcore.reuse.records import RECORD_NAME, reading_stored

_In = TypeVar("_In")
_Out = TypeVar("_Out")
_STAMP = "%Y-%m-%dT%H.%M.%S.%f"


class AtomicDataset(AbstractVersionedDataset[_In, _Out]):
    """One file or directory on a local or mounted file system, versioned or not.

    Subclasses say how to `_write` and `_read` a path, and set `is_directory`. What was written is listed beside the
    artefact and compared when it is loaded (`simcore.content`).

    Args:
        filepath: Where the artefact is kept.
        version: Kedro's load and save versions; given by the catalog with `versioned: true`.
        metadata: Free metadata for plugins (layer, what to log).

    Raises:
        DatasetError: For an address with a protocol such as `s3://`: renaming is not atomic there. Mount
            the store, or give a local path.
    """

    is_directory = False
    edited_by_hand = False
    """Whether people change the artefact where it lies."""

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
        return self.read_at(Path(self._get_load_path()))

    def read_at(self, path: Path) -> _Out:
        """Return the artefact at `path`, a version of this dataset.

        Raises:
            ArtefactError: If files are missing or are not what was written, or cannot be read.
        """
        with reading_stored(path, content=self._content_of(path)):
            return self._read(path)

    def save(self, data: _In) -> None:
        """Write the artefact; it appears under its name when it is whole."""
        path = Path(self._get_save_path())
        atomic = atomic_directory if self.is_directory else atomic_file
        with atomic(path) as partial:
            self._write(data, partial)
        write_content(path, self._content_of(path), by_hand=self.edited_by_hand)
        self._cached_load_version = path.parent.name if self._version else None

    def damage(self, *, digests_up_to: float = 0) -> str | None:
        """Return what is wrong with the files of the load version; None where nothing is, or nothing is stored.

        Names and sizes are compared, and the bytes of artefacts of at most `digests_up_to` bytes.
        """
        if not self.exists():
            return None
        path = Path(self._get_load_path())
        return find_damage(path, self._content_of(path), digests_up_to=digests_up_to)

    def resolve_save_version(self) -> str | None:
        """Return the version to save: that of the run, or one just behind the newest where a clock went backwards."""
        if not self._version:
            return None
        if self._cached_save_version is None:
            self._cached_save_version = self._behind_newest(self._version.save or generate_timestamp())
        return self._cached_save_version

    def _behind_newest(self, wanted: str) -> str:
        newest = next(iter(self._whole_versions()), "")
        version = wanted if newest < wanted else _next(newest) or wanted
        while Path(self._get_versioned_path(version)).exists() and (following := _next(version)):
            version = following
        return version

    def _get_versions(self) -> list[str]:
        return [str(self._get_versioned_path(name)) for name in self._whole_versions()]

    def _whole_versions(self) -> list[str]:
        return whole_versions(Path(self._filepath), records=[RECORD_NAME])

    def _content_of(self, path: Path) -> Path:
        return path.with_name(CONTENT_NAME if self._version else f"{path.name}.{CONTENT_NAME}")

    def _exists(self) -> bool:
        return Path(self._get_load_path()).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}


def _next(version: str) -> str | None:
    """Return the time stamp a millisecond after `version`; None for a version of another form."""
    try:
        moment = datetime.strptime(version.removesuffix("Z"), _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return (moment + timedelta(milliseconds=1)).strftime(_STAMP)[:-3] + "Z"
