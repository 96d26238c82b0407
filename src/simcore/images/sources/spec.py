"""From what a person typed to the sources that are read: which layout, where, how much of it."""

import difflib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simcore.errors import InputError
from simcore.images.remote_files import remote_exists
from simcore.images.sources import READERS
from simcore.images.sources.reader import Reader
from simcore.images.sources.shards import is_pattern, last_name
from simcore.images.sources.unfinished import check_finished
from simcore.source_text import AUTO, SourceEntry, is_url, read_entries

EVERYTHING = ("coco", "inaturalist", "imagenet", "places365")
"""What the source `all` stands for: the open-set ALL of the paper, 9,926,082 images (supplement, Table 10)."""


@dataclass(frozen=True)
class SourceSpec:
    """One source to be read.

    Attributes:
        name: a name of `READERS`, or "auto" for the first that recognises the path.
        path: absolute local path, or URL.
        label: what the column `source` says; where several sources are joined, what their keys begin with.
        quota: images that are not test, at most; None takes all.
    """

    name: str
    path: str
    label: str
    quota: int | None = None

    @property
    def place(self) -> Path | str:
        """The path as readers take it: a Path, or the text of a URL."""
        return self.path if is_url(self.path) else Path(self.path)


def parse_sources(
    value: str | Path | Sequence[str | Mapping[str, Any] | SourceEntry], *, root: str | Path
) -> tuple[SourceSpec, ...]:
    """Return the sources that `value` names, see `simcore.source_text.read_entries` for the forms it takes.

    A data set without a path is looked up below `root`, in the folder its archive makes or in one called as the set.
    `all` stands for `EVERYTHING`. Labels that are not given are data set names, else the names of files and folders
    without their endings; repeated ones are numbered (`birds`, `birds-2`). Given ones stay as they are.

    Raises:
        InputError: a name is unknown, a data set is not below `root`, two sources lie at the same place, or two are
            given the same label; one sentence.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "coco").mkdir()
        >>> [(spec.name, spec.label, spec.quota) for spec in parse_sources("coco@500", root=root)]
        [('coco', 'coco', 500)]
    """
    entries: list[SourceEntry] = []
    for entry in read_entries(value):
        if entry.source == "all" and entry.path is None:
            if entry.quota is not None:
                raise InputError(
                    f"`all` has a quota, but is {len(EVERYTHING)} data sets; give each its own: "
                    f"{'+'.join(f'{name}@{entry.quota}' for name in EVERYTHING)}."
                )
            entries.extend(SourceEntry(source=name) for name in EVERYTHING)
        else:
            entries.append(entry)
    specs = [_resolve(entry, root=Path(root)) for entry in entries]
    _check_places(specs)
    given = Counter(entry.label for entry in entries if entry.label)
    repeated = next((label for label, count in given.items() if count > 1), None)
    if repeated is not None:
        places = " and ".join(spec.path for spec, entry in zip(specs, entries, strict=True) if entry.label == repeated)
        raise InputError(f"The label '{repeated}' is given to {places}; give each source a label of its own.")
    taken = {spec.label for spec in specs}
    used = set(given)
    numbered = []
    for spec, entry in zip(specs, entries, strict=True):
        label, number = spec.label, 1
        while not entry.label and (label in used or (number > 1 and label in taken)):
            number += 1
            label = f"{spec.label}-{number}"
        used.add(label)
        numbered.append(replace(spec, label=label))
    return tuple(numbered)


def _check_places(specs: Sequence[SourceSpec]) -> None:
    """Raise where two sources lie at the same place, links followed."""
    seen: dict[str, str] = {}
    for spec in specs:
        place = spec.path.rstrip("/") if is_url(spec.path) else os.path.realpath(spec.path)
        if place in seen:
            same = "" if seen[place] == spec.path else f", as {seen[place]} and as {spec.path}"
            raise InputError(f"{place} is among the sources more than once{same}; name it once.")
        seen[place] = spec.path


def find_reader(spec: SourceSpec) -> tuple[str, Reader]:
    """Return the layout of `spec`, by its name and with its reader.

    Raises:
        InputError: nothing is there, it has no known layout or not the one it is said to have, or it is plainly a
            published data set with a part missing.
    """
    remote = is_url(spec.path)
    # A pattern of shards is no file of its own; its reader looks for the shards.
    there = is_pattern(spec.place) or (remote_exists(spec.path) if remote else Path(spec.path).exists())
    if not there:
        official_set = None if spec.name == AUTO else READERS[spec.name].official
        if official_set is not None:
            raise InputError(
                f"{spec.path} does not exist; download {official_set.download} and give the path of the unpacked "
                f"folder (usually {official_set.folder}/)."
            )
        raise InputError(
            f"{spec.path} does not exist; give the path of a folder of images, of a list or of a packed Parquet file."
        )
    candidates = dict(READERS) if spec.name == AUTO else {spec.name: READERS[spec.name]}
    for name, reader in candidates.items():
        if remote and not reader.remote:
            continue
        # The reader of a set that was named says itself which of its files is missing.
        if (spec.name != AUTO and reader.official is not None) or reader.recognises(spec.place):
            if spec.name == AUTO and name == "folder" and not remote:
                check_finished(Path(spec.path))
            return name, reader
    if spec.name != AUTO:
        reader = READERS[spec.name]
        trouble = f"a URL, and {reader.takes} is read from a disk" if remote and not reader.remote else reader.takes
        hint = "download it first." if trouble != reader.takes else "give the path of one."
        raise InputError(f"{spec.path} is {'' if trouble != reader.takes else 'not '}{trouble}; {hint}")
    general = [reader.takes for reader in READERS.values() if reader.official is None]
    raise InputError(
        f"{spec.path} is neither {', '.join(general[:-1])} nor {general[-1]}, and no data set that is known by its "
        "files; give the path of one."
    )


def official_names() -> list[str]:
    """Return the names of the published data sets."""
    return [name for name, reader in READERS.items() if reader.official is not None]


def _resolve(entry: SourceEntry, *, root: Path) -> SourceSpec:
    if entry.source != AUTO and entry.source not in READERS:
        near = difflib.get_close_matches(entry.source, READERS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"data sets are {', '.join(official_names())}."
        where = f"no folder or file called '{entry.source}' here, and " if entry.path is None else ""
        raise InputError(f"There is {where}no data set called '{entry.source}'; {hint}")
    if entry.path is not None:
        official = entry.source != AUTO and READERS[entry.source].official is not None
        label = entry.label or (entry.source if official else _name_of(entry.path))
        return SourceSpec(entry.source, entry.path, label, entry.quota)
    official_set = READERS[entry.source].official
    if official_set is None:
        raise InputError(f"`{entry.source}` is a layout, not a data set; say where it lies: {entry.source}:<path>.")
    folders = list(dict.fromkeys([official_set.folder, entry.source]))
    for folder in folders:
        if (root / folder).exists():
            path = str((root / folder).absolute())
            return SourceSpec(entry.source, path, entry.label or entry.source, entry.quota)
    looked = " and ".join(str(root / folder) for folder in folders)
    raise InputError(
        f"{official_set.title} is not there (looked for {looked}); download {official_set.download}, unpack it "
        f"there, or give its folder: {entry.source}:<path>."
    )


def _name_of(path: str) -> str:
    if is_url(path):
        last = last_name(path).rstrip(":")
        return last.rpartition(".")[0] or last or "images"
    # By the name that was typed: a link is called as the link, and `.` as the folder it is.
    place = Path(os.path.abspath(path))  # noqa: PTH100 `absolute` keeps `..`
    name = place.name if place.is_dir() else place.stem
    return name if name.strip(".") else "images"  # a label stands before keys, where dots alone would be a folder
