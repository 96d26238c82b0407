"""The record beside every artefact: what it was made from, and when."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pyarrow.dataset as ds
from kedro.io.core import AbstractDataset, AbstractVersionedDataset, VersionNotFoundError

from simcore.content import CONTENT_NAME, find_damage
from simcore.errors import ArtefactError, in_a_line, reading
from simcore.files import atomic_file

RECORD_NAME = "made_from.json"


@dataclass(frozen=True)
class Record:
    """What one artefact was made from.

    Attributes:
        dataset: Catalog name.
        fingerprint: Hex sha256 over code, parameters and inputs; equal fingerprints mean the same recipe.
        code: Fingerprint of the code that the node can reach.
        parameters: Parameter name to its fingerprint.
        inputs: Input dataset to its fingerprint.
        values: Parameter name to its plain value, to read and compare.
        versions: Library name to version.
        made_at: Save version of the run, which is its UTC time stamp.
        seconds: Duration of the node in seconds, loading and saving included up to this artefact.
        content: What it is known by to nodes that would make the same (`simcore.reuse.taking_over`); mostly empty.
        taken_from: Name of the dataset that it was taken over from instead of being made.
    """

    dataset: str
    fingerprint: str
    code: str
    parameters: dict[str, str]
    inputs: dict[str, str]
    values: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    made_at: str = ""
    seconds: float = 0.0
    content: str = ""
    taken_from: str = ""


def stored_path(dataset: AbstractDataset | None) -> Path | None:
    """Return where the version that would be loaded lies; None where nothing is stored."""
    if not isinstance(dataset, AbstractVersionedDataset):
        return None
    try:
        path = Path(str(dataset._get_load_path()))
    except VersionNotFoundError:
        return None
    return path if path.exists() else None


@contextmanager
def reading_stored(path: Path, *, content: Path | None = None, digests_up_to: float | None = None) -> Iterator[None]:
    """Compare a stored artefact with the list of its content, and name it in whatever is raised on its bytes.

    Args:
        path: The artefact.
        content: The list; by default that of a version, beside the artefact.
        digests_up_to: See `simcore.content.find_damage`.

    Raises:
        ArtefactError: Files are missing or are not what was written, or they cannot be read.
    """
    content = path.with_name(CONTENT_NAME) if content is None else content
    damage = find_damage(path, content, digests_up_to=digests_up_to)
    if damage is not None:
        remove = path.parent if content.name == CONTENT_NAME else path
        raise ArtefactError(
            f"{damage}; remove {remove}, and the stage that made it makes it again (or remove {content}, if the "
            "change was meant)."
        )
    with reading(path, advice="remove it, and the stage that made it makes it again, or bring back a whole copy"):
        yield


def read_stored_table(path: Path, *, columns: Sequence[str], where: pc.Expression | None = None) -> pd.DataFrame:
    """Return columns of a stored table such as a manifest, without the rows that `where` leaves out.

    Args:
        path: Of the table in its version's folder.
        columns: Those to read.
        where: Which rows; all when None.

    Raises:
        ArtefactError: It is not what was written, or cannot be read.
    """
    with reading_stored(path):
        table = ds.dataset(path).to_table(list(columns), filter=where)
        table.validate(full=True)  # above `CHECKED_BYTES` no digest has spoken for lengths and texts
        return table.to_pandas()


def record_path(dataset: AbstractDataset) -> Path | None:
    """Return where the record of the version that would be loaded lies; None where nothing is stored."""
    path = stored_path(dataset)
    if path is None:
        return None
    assert isinstance(dataset, AbstractVersionedDataset)
    return path.parent / RECORD_NAME if dataset._version else path.with_name(f"{path.name}.{RECORD_NAME}")


def read_record(dataset: AbstractDataset) -> Record | None:
    """Return the record of the version that would be loaded; None when there is none.

    Raises:
        ArtefactError: If the record is there but cannot be read.
    """
    path = record_path(dataset)
    return None if path is None or not path.exists() else load_record(path)


def load_record(path: Path) -> Record:
    """Return the record in a file.

    Raises:
        ArtefactError: If it cannot be read.
    """
    try:
        record = Record(**json.loads(path.read_text(encoding="utf-8")))
        if not all(isinstance(text, str) for text in (record.dataset, record.fingerprint, record.made_at)):
            raise TypeError("`dataset`, `fingerprint` and `made_at` are texts")
        return record
    except (ValueError, TypeError) as error:
        raise ArtefactError(
            f"The record {path} cannot be read ({in_a_line(error)}); remove it, and the artefact will be made again."
        ) from error


def write_record(dataset: AbstractDataset, record: Record) -> None:
    """Store `record` beside the artefact that `dataset` has just saved."""
    path = record_path(dataset)
    if path is None:
        return
    with atomic_file(path) as partial:
        partial.write_text(json.dumps(asdict(record), indent=1, default=str), encoding="utf-8")


def newest_records(root: Path) -> dict[str, dict[str, Any]]:
    """Return, by dataset name, the newest record below `root` as a dictionary, with `path` of its version folder."""
    newest: dict[str, dict[str, Any]] = {}
    for path in sorted(root.rglob(RECORD_NAME)):
        record = vars(load_record(path))
        held = newest.get(record["dataset"])
        # By the version's name, which goes up also where a clock went backwards.
        if held is None or path.parent.name > Path(held["path"]).name:
            newest[record["dataset"]] = {**record, "path": str(path.parent)}
    return newest
