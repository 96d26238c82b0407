"""WebDataset: tars in which the files of a sample stand side by side under one base name, local or behind a URL."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pandas as pd

from simcore.errors import InputError
from simcore.images.manifest import SPLITS
from simcore.images.sources.folder import IMAGE_SUFFIXES
from simcore.images.sources.reader import LISTING_ROWS, Reader, Request, listing_frame, split_of
from simcore.images.sources.shards import Shard, find_shards, last_name, recognises_shards, splits_by_name
from simcore.images.sources.tar_members import Member, open_tar, read_members
from simcore.images.uris import member_uri

SUFFIX = ".tar"

_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")
_BLOCK = 512
_MAGIC, _MAGIC_AT = b"ustar", 257
_FACTS = frozenset({"cls", "json", "txt"})
_MOST_FACTS = 2**20
_LONGEST_LABEL = 200
_MOST_STRAYS = 65_536

_Row = tuple[str, str, str | None, str | None, str | None]
"""Key, uri, label, split and reason."""


@dataclass
class _Sample:
    """The files of one base name.

    Attributes:
        base: that name, with the folders above it.
        images: (extension, member) of the images.
        facts: content of the files that may say more of them, by extension.
    """

    base: str
    images: list[tuple[str, Member]] = field(default_factory=list)
    facts: dict[str, bytes] = field(default_factory=dict)


def recognises(place: str | Path) -> bool:
    """Return whether `place` is a tar, a folder of tars (img2dataset's tables may lie beside them), or a pattern.

    Compressed tars are recognised, so that `list_images` can say why they are refused.
    """
    suffixes = (SUFFIX, *_COMPRESSED)
    if recognises_shards(place, suffixes=suffixes, beside=[".parquet", ".idx", ".index"]):
        return True
    if isinstance(place, str):
        return last_name(place).lower().endswith(suffixes)
    if not place.is_file():
        return False
    if place.name.lower().endswith(suffixes):
        return True
    with place.open("rb") as file:
        return file.read(_BLOCK)[_MAGIC_AT:].startswith(_MAGIC)


def list_images(place: str | Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the samples of the tar, of the tars of a folder, or of a pattern such as `shard-{000..127}.tar`.

    A sample is what stands side by side under one base name: the path up to the first dot of its last part. Its image
    is its file with an image's ending, `wren.jpg` before `wren.mask.png`; its label the text of its `.cls`, else
    `label` of its `.json`, else the line of its `.txt` where there is no `.json`, beside which it would hold a
    caption. The key is `key` of its `.json`, else the base name, with the tar's name in front
    (`shard-003/birds/wren`) where several tars are read, since each may number its samples from zero. The split is
    `split` of its `.json`, validation being train, else what the names of the tars say, see `splits_by_name`.

    Uris name bytes of the tar, so that an image is read without a look at the others. Headers are read once, one tar
    after the other, which over a network is about the time of its download. Memory is that of a frame.

    Links and devices come as rejected images, and so does what follows where a tar is cut off or damaged.

    Raises:
        InputError: a tar is compressed or is none, a member's path leads out of it, the files of a sample do not
            stand side by side, there are no images, or labels are insisted on where there are none.
    """
    shards = find_shards(place, suffixes=(SUFFIX, *_COMPRESSED))
    splits = splits_by_name(shards, request)
    rows: list[_Row] = []
    found = labelled = False
    for shard in shards:
        prefix = f"{shard.name}/" if len(shards) > 1 else ""
        for key, uri, label, split, reason in _list_tar(shard, prefix=prefix, labels=request.labels != "none"):
            found, labelled = True, labelled or label is not None
            rows.append((key, uri, label, split or splits[shard.name], reason))
            if len(rows) == LISTING_ROWS:
                yield _frame(rows)
                rows = []
    if not found:
        raise InputError(f"{place} holds no images; images of a WebDataset end in {', '.join(sorted(IMAGE_SUFFIXES))}.")
    if request.labels == "folder" and not labelled:
        raise InputError(
            f"`labels` is 'folder', but no sample of {place} has a label; give each a `.cls` file, or use 'none'."
        )
    if rows:
        yield _frame(rows)


def _frame(rows: list[_Row]) -> pd.DataFrame:
    keys, uris, labels, splits, reasons = zip(*rows, strict=True)
    return listing_frame(keys, uris, labels=labels, splits=splits, reasons=reasons)


def _list_tar(shard: Shard, *, prefix: str, labels: bool) -> Iterator[_Row]:
    """Yield the rows of one tar."""
    strays: set[str] = set()
    with open_tar(shard.path) as file:
        for sample in _samples(file, shard):
            if isinstance(sample, Member):
                yield prefix + sample.name, _uri(shard, sample), None, None, sample.refused
            elif sample.images:
                if sample.base in strays:
                    raise _apart(sample.base, shard)
                yield from _rows(sample, shard, prefix=prefix, labels=labels)
            elif sample.facts:
                strays.add(sample.base)
                if len(strays) == _MOST_STRAYS:
                    _check_strays(strays, shard)
                    strays.clear()
    if strays:
        _check_strays(strays, shard)


def _samples(file: BinaryIO, shard: Shard) -> Iterator[_Sample | Member]:
    """Yield runs of members with the same base, and those that are refused."""
    sample: _Sample | None = None
    for member in read_members(file, path=shard.path):
        if member.refused is not None:
            yield member
            continue
        base, extension = _split(member.name)
        if sample is None or sample.base != base:
            if sample is not None:
                yield sample
            sample = _Sample(base)
        if _is_image(extension):
            sample.images.append((extension, member))
        elif extension in _FACTS and member.size <= _MOST_FACTS:
            file.seek(member.start)
            sample.facts[extension] = file.read(member.size)
    if sample is not None:
        yield sample


def _rows(sample: _Sample, shard: Shard, *, prefix: str, labels: bool) -> Iterator[_Row]:
    plain = [image for image in sample.images if "." not in image[0]]
    chosen = plain or sample.images
    key, label, split, reason = _read_facts(sample)
    key = key or prefix + sample.base
    if not plain and len(chosen) > 1:
        endings = ", ".join(extension for extension, _ in chosen)
        for extension, member in chosen:
            yield f"{key}.{extension}", _uri(shard, member), None, split, f"its sample has several images: {endings}"
        return
    yield key, _uri(shard, chosen[0][1]), label if labels else None, split, reason
    for extension, member in chosen[1:]:
        yield f"{key}.{extension}", _uri(shard, member), None, split, "its sample has another image before it"


def _read_facts(sample: _Sample) -> tuple[str | None, str | None, str | None, str | None]:
    """Return the key, label and split that the files of a sample give, and why they cannot be read."""
    known = {}
    label = None
    try:
        if "json" in sample.facts:
            found = json.loads(sample.facts["json"])
            known = found if isinstance(found, dict) else {}
            label = known.get("label")
            label = str(label) if isinstance(label, str | int) and not isinstance(label, bool) else None
        elif "txt" in sample.facts:
            label = _line(sample.facts["txt"].decode())
        if "cls" in sample.facts:
            label = _line(sample.facts["cls"].decode())
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:100]
        return None, None, None, f"the {' or '.join(sorted(sample.facts))} of its sample cannot be read: {reason}"
    key, split = known.get("key"), known.get("split")
    split = split_of(split) if isinstance(split, str) else None
    return key if isinstance(key, str) and key else None, label or None, split if split in SPLITS else None, None


def _line(text: str) -> str | None:
    """Return `text` where it is a label: one line, and no story."""
    text = text.strip()
    return text if text and "\n" not in text and len(text) <= _LONGEST_LABEL else None


def _split(name: str) -> tuple[str, str]:
    """Return base and extension, by the first dot of the last part.

    Example:
        >>> _split("v1.0/birds/wren.mask.PNG")
        ('v1.0/birds/wren', 'mask.png')
    """
    folder, slash, last = name.rpartition("/")
    stem, _, extension = last.partition(".")
    return folder + slash + stem, extension.lower()


def _is_image(extension: str) -> bool:
    return f".{extension.rpartition('.')[2]}" in IMAGE_SUFFIXES


def _uri(shard: Shard, member: Member) -> str:
    return member_uri(shard.path, member.start, member.size)


def _check_strays(strays: set[str], shard: Shard) -> None:
    """Look at all headers once more: facts without an image are of no harm, those of an image elsewhere are."""
    with open_tar(shard.path) as file:
        for member in read_members(file, path=shard.path):
            base, extension = _split(member.name)
            if base in strays and _is_image(extension):
                raise _apart(base, shard)


def _apart(base: str, shard: Shard) -> InputError:
    return InputError(
        f"The files of sample '{base}' of {shard.path} do not stand side by side, as those of a WebDataset do; "
        "pack it again in the order of names (`tar --sort=name`)."
    )


READER = Reader(takes="WebDataset tars", recognises=recognises, list_images=list_images, remote=True)
