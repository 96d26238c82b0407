"""Whether what a run is about to write will fit on the disk."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from simcore.errors import DiskError
from simcore.files import existing_folder

_GIB = 2**30


@dataclass(frozen=True)
class Need:
    """Bytes that a part of a run writes.

    Attributes:
        what: In words.
        bytes: How many.
        lasting: Whether they stay. Of what goes again (training states) only the largest counts: one training runs at
            a time.
        node: The node in whose work folder it grows; empty where it is written at once.
    """

    what: str
    bytes: int
    lasting: bool = True
    node: str = ""


def embedding_bytes(rows: int, *, dim: int, key_length: float) -> int:
    """Return the size of stored embeddings: float16 values and keys, each key with a length of four bytes.

    Example:
        >>> embedding_bytes(1_281_167, dim=2048, key_length=28) / 2**30
        4.92...
    """
    return round(rows * (2 * dim + key_length + 4))


def total_bytes(needs: Sequence[Need]) -> int:
    """Return the bytes that all needs take at once, at the worst moment.

    Example:
        >>> total_bytes([Need("shards", 5), Need("states", 3, lasting=False), Need("other states", 2, lasting=False)])
        8
    """
    passing = [need.bytes for need in needs if not need.lasting]
    return sum(need.bytes for need in needs if need.lasting) + max(passing, default=0)


def begun_bytes(needs: Sequence[Need], there: Mapping[str, int]) -> int:
    """Return how much less `needs` take at once for what lies in the work folders already.

    A folder counts for what its own node writes there, and for no more than that.

    Args:
        needs: What is to be written.
        there: Bytes in the work folder of each node.

    Example:
        >>> shards, states = Need("shards", 5, node="embed"), Need("states", 3, lasting=False, node="train")
        >>> begun_bytes([shards, states], {"embed": 4, "train": 9, "other": 1})
        7
    """
    unused = dict(there)
    left = []
    for need in needs:
        begun = min(need.bytes, unused.get(need.node, 0))
        if begun:
            unused[need.node] -= begun
        left.append(replace(need, bytes=need.bytes - begun))
    return total_bytes(needs) - total_bytes(left)


def free_bytes(folder: Path) -> int:
    """Return the free space where `folder` is or will be; quotas are not seen."""
    return shutil.disk_usage(existing_folder(folder)).free


def folder_bytes(folder: Path) -> int:
    """Return the size of the files below `folder`; 0 where there is none. Files that go meanwhile do not count."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def say_room(needs: Sequence[Need], *, folder: Path, free: int) -> str:
    """Return in one sentence what is needed, of what it consists, and what there is.

    Example:
        >>> say_room([Need("embeddings of the open-set", 3 * 2**30)], folder=Path("/data"), free=2**30)
        'The run writes up to 3.0 GiB below /data (embeddings of the open-set 3.0 GiB), and 1.0 GiB are free there'
    """
    largest = sorted(needs, key=lambda need: -need.bytes)
    parts = ", ".join(f"{need.what} {_size(need.bytes)}" for need in largest[:4])
    more = f", and {len(largest) - 4} more" if len(largest) > 4 else ""  # noqa: PLR2004 as many as are shown
    most = _size(total_bytes(needs))
    return f"The run writes up to {most} below {folder} ({parts}{more}), and {_size(free)} are free there"


def check_room(needs: Sequence[Need], *, folder: Path, begun: int = 0, margin: float, stop: bool) -> str | None:
    """Return a warning where the disk of `folder` will hardly hold `needs`; None where it will.

    Args:
        needs: What is to be written.
        folder: Where.
        begun: Bytes of it that lie there already, of work that goes on.
        margin: Share of the needs that has to be left for everything else.
        stop: Whether to raise an error where even the needs alone are more than there is.

    Raises:
        DiskError: With `stop`, where they do not fit.
    """
    needed, free = total_bytes(needs) - begun, free_bytes(folder)
    if needed <= 0 or needed * (1 + margin) <= free:
        return None
    told = say_room(needs, folder=folder, free=free)
    already = f"; {_size(begun)} of it are there already" if begun else ""
    advice = "free space there, or move all with --params data_root=<folder>"
    if needed > free and stop:
        raise DiskError(f"{told}{already}: {advice}, or go on all the same with --params plan.disk=warn.")
    return f"{told}{already}: {'it will not fit' if needed > free else 'that is hardly enough'}; {advice}."


def _size(count: int) -> str:
    return f"{count / _GIB:,.1f} GiB" if count >= _GIB / 10 else f"{count / 2**20:,.1f} MiB"
