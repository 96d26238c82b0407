"""WebDataset: tar shards, an image and its facts side by side."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pandas as pd

from simcore.errors import InputError
from simcore.exporting.lists import SELECTION_COLUMNS
from simcore.exporting.names import safe_names
from simcore.exporting.reading import image_suffix, read_in_order
from simcore.progress import progress

_BLOCK = 512
_SHARDS = 10**6


def write_tar(
    images: pd.DataFrame,
    folder: str | Path,
    *,
    shard_mib: int = 512,
    workers: int | None = None,
    show_progress: bool = False,
) -> list[str]:
    """Write `images` as `train-000000.tar`, `train-000001.tar`, ... into `folder`; return where each is.

    An image is two members of one base name: its bytes as they are, and `.json` with key, label, split and the facts of
    its selection, as far as they are known. Base names are the keys without their ending, made safe by `safe_names`.
    The same images give the same bytes on every machine: their order is kept, times and owners are zero.

    Args:
        images: Columns `key` (unique) and `uri`, and any of `LIST_COLUMNS`.
        folder: Where the shards go.
        shard_mib: Largest shard in MiB; a single larger image has a shard of its own.
        workers: Threads that read; None takes every usable core.
        show_progress: Show a bar.

    Returns:
        One `<shard>#bytes=<offset>+<size>` an image.

    Raises:
        InputError: If an image cannot be read, or there would be more than a million shards.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "a.png").write_bytes(b"pixels")
        >>> write_tar(pd.DataFrame({"key": ["a.png"], "uri": [str(root / "a.png")]}), root / "out")
        ['train-000000.tar#bytes=512+6']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    keys = images["key"].tolist()
    names = safe_names(keys, dots=False)
    facts = images[[name for name in ("key", "label", "split", *SELECTION_COLUMNS) if name in images]]
    bar = progress((), description="write shards", total=len(images), unit="image", shown=show_progress)
    places: list[str] = []
    shard: tarfile.TarFile | None = None
    n_shards = 0
    try:
        encoded = read_in_order(keys, images["uri"].tolist(), spool=folder, workers=workers)
        for position, (data, row) in enumerate(zip(encoded, facts.itertuples(index=False), strict=True)):
            suffix = str(names.suffixes[position]).lower() or image_suffix(data, key=keys[position])
            stem = str(names.stems[position])
            members = _members([(stem + suffix, data), (f"{stem}.json", _facts(row))])
            size = sum(len(header) + _padded(len(content)) for header, content in members)
            if shard is not None and _closed(shard.offset + size) > shard_mib * 2**20:
                shard.close()
                shard = None
            if shard is None:
                shard = _open(folder, number=n_shards, shard_mib=shard_mib)
                n_shards += 1
            name = Path(str(shard.name)).name
            for number, (header, content) in enumerate(members):
                if number == 0:
                    places.append(f"{name}#bytes={shard.offset + len(header)}+{len(content)}")
                _append(shard, header, content)
            bar.update()
    finally:
        if shard is not None:
            shard.close()
        bar.close()
    return places


def _open(folder: Path, *, number: int, shard_mib: int) -> tarfile.TarFile:
    if number >= _SHARDS:
        raise InputError(f"The images need more than {_SHARDS:,} shards of {shard_mib} MiB; allow larger shards.")
    return tarfile.open(folder / f"train-{number:06d}.tar", "w", format=tarfile.PAX_FORMAT)


def _members(contents: list[tuple[str, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return (header, content) of each member."""
    members = []
    for name, content in contents:
        info = tarfile.TarInfo(name)  # time, owner and group are zero
        info.size = len(content)
        members.append((info.tobuf(tarfile.PAX_FORMAT), content))
    return members


def _append(shard: tarfile.TarFile, header: bytes, content: bytes) -> None:
    """Write one member; `addfile` would make its header once more and keep every member in memory."""
    assert shard.fileobj is not None
    shard.fileobj.write(header)
    shard.fileobj.write(content.ljust(_padded(len(content)), b"\0"))
    shard.offset += len(header) + _padded(len(content))


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _closed(size: int) -> int:
    """Return the size of a shard with its end: two empty blocks, then up to a whole record."""
    return -(-(size + 2 * _BLOCK) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE


def _facts(row: Any) -> bytes:
    """Return what is known of an image as JSON."""
    known = {name: value for name, value in row._asdict().items() if not pd.isna(value)}
    return json.dumps(known, ensure_ascii=False, sort_keys=True, default=_plain).encode()


def _plain(value: Any) -> Any:
    return value.item()
