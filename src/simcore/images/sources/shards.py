"""Sources of several files that hold many images each: a file, a folder, or a pattern; local or a URL."""

import glob
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from simcore.errors import InputError
from simcore.images.remote_files import join_url, match_remote, remote_exists, remote_is_folder, walk_remote
from simcore.images.sources.reader import Request
from simcore.images.tree import walk_files
from simcore.source_text import is_url

TRAIN, TEST, VALIDATION = "train", "test", "validation"

_KINDS = {
    "train": TRAIN,
    "training": TRAIN,
    "test": TEST,
    "testing": TEST,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
}
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_BESIDE = frozenset({"", ".json", ".jsonl", ".md", ".rst", ".txt", ".yaml", ".yml"})
_MOST_SHARDS = 1_000_000
_WILD = ("{", "*")


@dataclass(frozen=True)
class Shard:
    """A file of a source.

    Attributes:
        name: path below the source's root, `/` between its parts, without its ending.
        path: absolute local path, or URL.
    """

    name: str
    path: str


def recognises_shards(place: str | Path, *, suffixes: Sequence[str], beside: Sequence[str] = ()) -> bool:
    """Return whether `place` is a folder of files with `suffixes` and of nothing but text beside them, or a pattern.

    Args:
        place: path or URL.
        suffixes: endings, in lower case.
        beside: further endings of files that may lie beside them.
    """
    if is_pattern(place):
        return last_name(place).lower().endswith(tuple(suffixes))
    if not _is_folder(place):
        return False
    found = False
    for name in _walk(place):
        if name.lower().endswith(tuple(suffixes)):
            found = True
        elif PurePosixPath(name).suffix.lower() not in _BESIDE.union(beside):
            return False
    return found


def find_shards(place: str | Path, *, suffixes: Sequence[str]) -> list[Shard]:
    """Return the files of a source, sorted by name.

    Names of a folder's files start below it, those of a pattern's behind the last `/` before its first brace or star.
    Hidden files, and those of a folder that begin with `_`, are left out.

    Raises:
        InputError: there are none, a file of a pattern does not exist, or a pattern cannot be understood.
    """
    if is_pattern(place):
        pattern = str(place)
        root = pattern[: pattern.rfind("/", 0, _first_wild(pattern)) + 1]
        paths = expand_pattern(pattern)
        missing = [path for path in paths if not is_url(path) and not Path(path).is_file()]
        if missing:
            raise InputError(
                f"{len(missing)} of the {len(paths)} files of {pattern} do not exist, first {missing[0]}; "
                "add them, or correct the pattern."
            )
        return sorted((Shard(_stem(path[len(root) :]), path) for path in paths), key=lambda shard: shard.name)
    if not _is_folder(place):
        path = str(place) if isinstance(place, str) else str(place.absolute())
        return [Shard(_stem(last_name(place)), path)]
    names = sorted(name for name in _walk(place) if name.lower().endswith(tuple(suffixes)))
    if not names:
        raise InputError(f"{place} holds no files that end in {' or '.join(suffixes)}; give the folder of such files.")
    if isinstance(place, Path):
        return [Shard(_stem(name), str(place.absolute() / name)) for name in names]
    return [Shard(_stem(name), join_url(place, name)) for name in names]


def is_pattern(place: str | Path) -> bool:
    """Return whether `place` has braces or stars, and is no file of that very name."""
    if not any(mark in str(place) for mark in _WILD):
        return False
    return not (place.exists() if isinstance(place, Path) else remote_exists(place))


def expand_pattern(pattern: str) -> list[str]:
    """Return the paths or URLs that `pattern` stands for: braces as `expand_braces` takes them, `*` any text but `/`.

    Of stars those that are there, sorted, hidden ones left out; of braces alone all, whether they are there or not.

    Raises:
        InputError: braces cannot be understood, or nothing matches the stars.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> for number in (2, 1):
        ...     (root / f"shard-{number}.tar").touch()
        >>> [Path(path).name for path in expand_pattern(f"{root}/shard-*.tar")]
        ['shard-1.tar', 'shard-2.tar']
    """
    paths: list[str] = []
    for each in expand_braces(pattern):
        if "*" not in each:
            paths.append(each)
            continue
        # Of the marks that glob knows, only the star is one here.
        found = match_remote(each) if is_url(each) else glob.glob(glob.escape(each).replace("[*]", "*"))  # noqa: PTH207
        if not found:
            raise InputError(f"No file is called as {each}; correct the pattern, or give the folder of the files.")
        paths += sorted(found)
    return list(dict.fromkeys(paths))


def expand_braces(pattern: str) -> Iterator[str]:
    """Yield the texts that `pattern` stands for: `{000..003}` counts, `{a,b}` lists.

    Raises:
        InputError: braces hold neither.

    Example:
        >>> list(expand_braces("{train,test}-{08..10}.tar"))[2:4]
        ['train-10.tar', 'test-08.tar']
    """
    match = _BRACES.search(pattern)
    if match is None:
        yield pattern
        return
    counted = _RANGE.fullmatch(match[1])
    if counted:
        first, last = int(counted[1]), int(counted[2])
        if not first <= last < first + _MOST_SHARDS:
            raise InputError(f"{{{match[1]}}} in {pattern} counts no files; write it as {{000..127}}.")
        width = max(len(end) for end in counted.groups()) if any(end[0] == "0" for end in counted.groups()) else 0
        values = (f"{number:0{width}d}" for number in range(first, last + 1))
    elif "," in match[1]:
        values = (value for value in match[1].split(","))
    else:
        raise InputError(
            f"{{{match[1]}}} in {pattern} is neither a count nor a list; write {{000..127}} or {{a,b}}, "
            "or give the folder of the files."
        )
    for value in values:
        yield from expand_braces(pattern[: match.start()] + value + pattern[match.end() :])


def splits_by_name(shards: Sequence[Shard], request: Request) -> dict[str, str | None]:
    """Return the split of each shard of a target by a word in its name, all null where the names do not tell.

    They tell where there are files called train beside others called test or validation. Then validation is test
    where there is no test, and train where there is, as in the paper's sets of three splits.

    Raises:
        InputError: some names tell, and others do not.

    Example:
        >>> shards = [Shard(f"data/{name}-00000-of-00001", "") for name in ("train", "validation")]
        >>> splits_by_name(shards, Request(role="target"))
        {'data/train-00000-of-00001': 'train', 'data/validation-00000-of-00001': 'test'}
    """
    kinds = {shard.name: _kind(shard.name) for shard in shards}
    found = set(kinds.values())
    if request.role == "openset" or TRAIN not in found or found.isdisjoint({TEST, VALIDATION}):
        return dict.fromkeys(kinds)
    nameless = next((shard.path for shard in shards if kinds[shard.name] is None), None)
    if nameless is not None:
        raise InputError(
            f"{nameless} has no split in its name, but files beside it have; name it after train, test or validation, "
            "or move it away."
        )
    validation = TRAIN if TEST in found else TEST
    return {name: validation if kind == VALIDATION else kind for name, kind in kinds.items()}


def last_name(place: str | Path) -> str:
    """Return the name of the file at a path or URL, of a chained URL that of its innermost part.

    Example:
        >>> last_name("simplecache::s3://pool/birds.tar")
        'birds.tar'
    """
    if isinstance(place, Path):
        return place.name
    parts = [part for part in place.split("::") if "://" in part]
    return (parts[0] if parts else place).rstrip("/").rpartition("/")[2]


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _kind(name: str) -> str | None:
    """Return what the first telling word says, the file's own name before the folders above it."""
    for part in reversed(name.lower().split("/")):
        for word in re.split(r"[^a-z]+", part):
            if word in _KINDS:
                return _KINDS[word]
    return None


def _first_wild(pattern: str) -> int:
    return min(pattern.index(mark) for mark in _WILD if mark in pattern)


def _is_folder(place: str | Path) -> bool:
    return place.is_dir() if isinstance(place, Path) else remote_is_folder(place)


def _walk(place: str | Path) -> Iterator[str]:
    entries = walk_files(place) if isinstance(place, Path) else walk_remote(place)
    return (name for name, _ in entries if not any(part.startswith("_") for part in name.split("/")))
