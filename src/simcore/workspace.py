"""Where a long node keeps what it needs to go on after a kill: training states, shards already embedded."""

import shutil
import tempfile
from contextvars import ContextVar
from pathlib import Path

_CURRENT: ContextVar[Path | None] = ContextVar("simcore_work_directory", default=None)


def work_directory() -> Path:
    """Return the folder of the node in progress, which lasts until its artefacts are saved.

    The folder belongs to one recipe (node, code, parameters, inputs): the same run started again finds what
    the killed one left, a run with other settings starts afresh. Outside a run it is a new temporary folder.
    """
    current = _CURRENT.get()
    if current is None:
        return Path(tempfile.mkdtemp(prefix="simcore-"))
    current.mkdir(parents=True, exist_ok=True)
    return current


def enter_work_directory(root: Path, *, node: str, fingerprint: str) -> None:
    """Make `work_directory` return the folder of `node` with this recipe below `root`."""
    _CURRENT.set(work_folder(root, node, fingerprint))


def forget_work_directory(root: Path, *, node: str, fingerprint: str) -> None:
    """Remove the folder of a node whose artefacts are saved: a run killed just then has left it."""
    folder = work_folder(root, node, fingerprint)
    if folder.exists():
        shutil.rmtree(folder)


def work_folder(root: Path, node: str, fingerprint: str) -> Path:
    """Return where a node keeps unfinished work of a recipe, below `root`."""
    return root / f"{node}-{fingerprint[:12]}"


def leave_work_directory(*, remove: bool) -> None:
    """End the node's claim on its folder; `remove` it once its artefacts are saved."""
    current = _CURRENT.get()
    if remove and current is not None and current.exists():
        shutil.rmtree(current)
    _CURRENT.set(None)
