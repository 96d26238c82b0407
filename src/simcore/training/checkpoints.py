"""Training state on disk: written beside and renamed, loaded without unpickling objects."""

import logging
import shutil
import zipfile
from pathlib import Path
from typing import Any

import torch

from simcore.errors import ArtefactError, SimCoreError, in_a_line
from simcore.files import atomic_file

logger = logging.getLogger(__name__)


class Checkpoints:
    """The newest checkpoints of one run in one folder.

    Args:
        directory: Folder of the run; created when the first checkpoint is saved.
        fingerprint: Identity of the run; a checkpoint with another one is refused.
        keep: Newest checkpoints that stay.

    Example:
        >>> import tempfile
        >>> checkpoints = Checkpoints(Path(tempfile.mkdtemp()), fingerprint="f", keep=2)
        >>> checkpoints.save({"weight": torch.ones(1)}, step=7)
        >>> checkpoints.load_newest()
        (7, {'weight': tensor([1.])})
    """

    def __init__(self, directory: Path, *, fingerprint: str, keep: int) -> None:
        self.directory = directory
        self.fingerprint = fingerprint
        self.keep = keep

    def paths(self) -> list[Path]:
        """Return the checkpoint files, oldest first."""
        return sorted(self.directory.glob("step-*.pt"))

    def save(self, state: dict[str, Any], *, step: int) -> None:
        """Write `state` (tensors and plain values) for `step`, then remove all but the newest `keep`.

        Raises:
            SimCoreError: If the file cannot be written; older checkpoints stay.
        """
        try:
            with atomic_file(self.directory / f"step-{step:010d}.pt") as partial:
                torch.save({"fingerprint": self.fingerprint, "step": step, "state": state}, partial)
        except (OSError, RuntimeError) as error:
            raise SimCoreError(
                f"The checkpoint of step {step} could not be written to {self.directory} ({error}). Earlier "
                "checkpoints are whole: free space there and run again, training goes on from the last one."
            ) from error
        for path in self.paths()[: -self.keep]:
            path.unlink()

    def load_newest(self) -> tuple[int, dict[str, Any]] | None:
        """Return step and state of the newest checkpoint that can be read, or None when there is none.

        What a kill left half written is removed.

        Raises:
            ArtefactError: If a checkpoint belongs to another run, or none of those present can be read.
        """
        for half_written in self.directory.glob(".step-*.partial"):
            half_written.unlink()
        paths = self.paths()
        for path in reversed(paths):
            try:
                _check_sums(path)
                content = torch.load(path, map_location="cpu", weights_only=True)
                fingerprint, step, state = content["fingerprint"], content["step"], content["state"]
            except Exception as error:  # damaged bytes make PyTorch stumble anywhere
                logger.warning("Checkpoint %s cannot be read (%s); the one before it is used.", path, in_a_line(error))
                continue
            if fingerprint != self.fingerprint:
                raise ArtefactError(
                    f"Checkpoint {path} belongs to a run with other settings, data or seed (fingerprint "
                    f"{fingerprint[:16]}, this run {self.fingerprint[:16]}). Remove {path.parent} to start "
                    "anew, or run with the settings it was made with."
                )
            return step, state
        if paths:
            raise ArtefactError(
                f"None of the {len(paths)} checkpoints in {self.directory} can be read. Remove the folder to "
                "start anew."
            )
        return None


def remove_work(workdir: str | Path) -> None:
    """Remove the training state in `workdir`; call it once the artefact made from it is safely stored."""
    shutil.rmtree(workdir, ignore_errors=True)


def _check_sums(path: Path) -> None:
    """Refuse a file whose content is not that of its checksums, which PyTorch writes and does not look at."""
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ArtefactError(f"{damaged} does not hold the bytes that were written")
