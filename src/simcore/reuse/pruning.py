"""Old versions of artefacts and forgotten training states: listed, and removed by a policy."""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simcore.content import whole_versions
from simcore.reuse.records import RECORD_NAME
from simcore.reuse.state import size_of

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}\.\d{2}\.\d{2}\.\d{3}Z")
_STAGE = re.compile(r"\d{2}_")  # 02_manifests ... 08_reporting; other data roots may lie beside them
_REMOVED = ".removed"
_DAY = 86_400


@dataclass(frozen=True)
class Superfluous:
    """What a policy would remove.

    Attributes:
        path: Folder of a version, or of a node's unfinished work.
        kind: `version` or `work`.
        reason: Why nothing needs it.
        bytes: What removing it frees.
    """

    path: Path
    kind: str
    reason: str
    bytes: int


def find_superfluous(root: Path, *, work: Path | None, keep: int, work_days: float) -> list[Superfluous]:
    """Return the versions that are older than the newest `keep` of their artefact, and work that was left long ago.

    The newest whole version is the one that is loaded, so it is always kept; those that were never finished go. What a
    killed run needs to go on lies in `work` and is kept for `work_days` after its last change.

    Args:
        root: The data root.
        work: Folder of unfinished work.
        keep: Versions of each artefact that stay, at least 1.
        work_days: Days.

    Raises:
        ValueError: `keep` is below 1.
    """
    if keep < 1:
        raise ValueError(f"`keep` is {keep}; the version in use is always kept, so it is at least 1.")
    found = []
    stages = [path for path in sorted(root.iterdir()) if _STAGE.match(path.name)] if root.is_dir() else []
    for versions in (each for stage in stages for each in _versions(stage)):
        whole = whole_versions(versions[0].parent, records=[RECORD_NAME]) or [path.name for path in versions]
        for number, path in enumerate(path for path in versions if path.name in whole):
            if number >= keep:
                reason = f"number {number + 1} of {len(whole)} from the newest"
                found.append(Superfluous(path, "version", reason, size_of(path)))
        for path in versions:
            if path.name not in whole:
                found.append(Superfluous(path, "version", "half made", size_of(path)))
    for stage in stages:
        for path in sorted(stage.rglob(f".*{_REMOVED}")):
            found.append(Superfluous(path, "version", "its removal was interrupted", size_of(path)))
    if work is not None and work.is_dir():
        for path in sorted(work.iterdir()):
            days = (time.time() - _changed(path)) / _DAY
            if path.is_dir() and days > work_days:
                found.append(Superfluous(path, "work", f"not touched for {days:.0f} days", size_of(path)))
    return found


def _versions(folder: Path) -> Iterator[list[Path]]:
    """Yield for every artefact its version folders, the newest first; links are not followed."""
    if folder.is_symlink() or not folder.is_dir():
        return
    inner = sorted(path for path in folder.iterdir() if path.is_dir())
    versions = [path for path in inner if _VERSION.fullmatch(path.name) and not path.is_symlink()]
    if versions:
        yield versions[::-1]
    for path in inner:
        if path not in versions:
            yield from _versions(path)


def _changed(folder: Path) -> float:
    return max((path.lstat().st_mtime for path in (folder, *folder.rglob("*"))), default=0.0)


def remove(superfluous: Superfluous) -> None:
    """Remove a folder whole or not at all for those who look: it is renamed first, to a name that no version has."""
    path = superfluous.path
    gone = path if path.name.endswith(_REMOVED) else path.with_name(f".{path.name}{_REMOVED}")
    if gone != path:
        path.rename(gone)
    shutil.rmtree(gone)
