"""Samples that are a function of the set of keys and a seed: not of an order, a machine or what is left out."""

import difflib
import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcore.errors import InputError
from simcore.images.runs import read_tables
from simcore.images.sources.classes import Tally

logger = logging.getLogger(__name__)

_DIGEST_BYTES = 16
_RANK = np.dtype([("high", ">u8"), ("low", ">u8")])


def hash_ranks(keys: Iterable[str], *, seed: int) -> np.ndarray:
    """Return the first 128 bits of sha256(`seed`, key) of each key: (n,) of two big-endian uint64, `high` and `low`.

    Whoever has the smallest ranks is in the sample, so a sample of 100 is part of that of 1,000. About a microsecond
    and 16 bytes a key.

    Example:
        >>> ranks = hash_ranks(["a.jpg", "b.jpg"], seed=0)
        >>> len(ranks), bool((ranks == hash_ranks(["b.jpg", "a.jpg"], seed=0)[::-1]).all())
        (2, True)
    """
    opening = f"{seed}\0".encode()
    digests = b"".join(hashlib.sha256(opening + key.encode()).digest()[:_DIGEST_BYTES] for key in keys)
    return np.frombuffer(digests, dtype=_RANK)


def smallest(ranks: np.ndarray, count: int) -> np.ndarray:
    """Return whether each of `ranks` is among the `count` smallest: (n,) bool. Linear in n but for ties.

    Example:
        >>> smallest(hash_ranks(["a", "b", "c"], seed=0), 2).sum()
        np.int64(2)
    """
    if count >= len(ranks):
        return np.ones(len(ranks), dtype=bool)
    high = ranks["high"].astype(np.uint64)
    bound = np.partition(high, count)[count]
    chosen = high < bound
    tied = np.flatnonzero(high == bound)
    chosen[tied[np.argsort(ranks["low"][tied], kind="stable")][: count - chosen.sum()]] = True
    return chosen


def draw_classes(names: Sequence[str], count: int, *, seed: int) -> list[str]:
    """Return `count` of the class names, those of the smallest hash, in the order of names.

    Example:
        >>> draw_classes(["cat", "dog", "horse"], 3, seed=0)
        ['cat', 'dog', 'horse']
    """
    ordered = sorted(names)
    chosen = smallest(hash_ranks((f"class\0{name}" for name in ordered), seed=seed), count)
    return [name for name, taken in zip(ordered, chosen, strict=True) if taken]


def choose_rows(
    path: Path,
    *,
    quotas: Mapping[str, int],
    limit: int | None,
    classes: Sequence[str] | int | None,
    seed: int,
    joined: bool,
    name: str,
    left_out: Sequence[str] = (),
) -> np.ndarray | None:
    """Return which rows of a stored listing are wanted: (n,) bool, or None where all are.

    First the classes, then the quota of each source, then the limit; the last two count the images that are not
    test, and leave test images alone; what is left out on purpose is in no sample. A few bytes a row; 24 more a row
    while ranks are compared, and a microsecond.

    Args:
        path: what `store_listing` wrote.
        quotas: images taken at most, by the label of the source.
        limit: images taken at most, of all sources together.
        classes: names of the classes to take, or how many are drawn.
        seed: of the draws.
        joined: whether keys begin with the label of their source.
        name: the source, for messages.
        left_out: reasons of images that are left out on purpose.

    Raises:
        InputError: a class is unknown, more are wanted than there are, or a source has none.
    """
    if not quotas and limit is None and classes is None:
        return None
    names = None
    if classes is not None:
        tally = Tally()
        for table in read_tables(path, columns=["key", "source", "split", "label"]):
            tally.add(table)
        _check_labelled(tally, name=name)
        names = pa.array(_named_classes(classes, there=tally.classes(), seed=seed, name=name), pa.large_string())
    codes = {label: code for code, label in enumerate(quotas)}
    columns: tuple[list[np.ndarray], ...] = ([], [], [], [])
    reasons = pa.array(list(left_out), pa.large_string())
    for table in read_tables(path, columns=["label", "split", "source", "reason"]):
        labels = table.column("label")
        is_test = pc.fill_null(pc.equal(table.column("split"), "test"), False)
        inside = pc.is_in(labels, value_set=names) if names is not None else pc.or_(is_test, pc.invert(is_test))
        source = np.array([codes.get(label, -1) for label in table.column("source").to_pylist()], dtype=np.int16)
        on_purpose = pc.is_in(table.column("reason"), value_set=reasons)
        found = (inside.to_numpy(), is_test.to_numpy(), source, on_purpose.to_numpy())
        for column, values in zip(columns, found, strict=True):
            column.append(values)
    chosen, test, source, dropped = (np.concatenate(column) for column in columns)
    # Those of a sampled source alone: of what is taken whole, all that is rejected is listed.
    chosen &= ~(dropped & ((source >= 0) | (limit is not None)))
    for label, quota in quotas.items():
        # Without the label in front of its keys, a quota means the same images whatever the source is joined with.
        start = len(label) + 1 if joined else 0
        _thin(chosen, of=chosen & ~test & (source == codes[label]), to=quota, path=path, seed=seed, start=start)
    if limit is not None:
        _thin(chosen, of=chosen & ~test, to=limit, path=path, seed=seed)
    return chosen


def _check_labelled(tally: Tally, *, name: str) -> None:
    """Raise where some sources have classes and others none: of these, no image would be taken."""
    sources = sorted({source for source, _, _ in tally.counts})
    bare = [source for source in sources if not tally.classes(sources=[source])]
    if bare and len(bare) < len(sources):
        raise InputError(
            f"`classes` is given, but of {name} the source `{bare[0]}` has no classes, so that none of its images "
            "would be taken; leave that source out, or use quotas in place of `classes`."
        )


def _thin(chosen: np.ndarray, *, of: np.ndarray, to: int, path: Path, seed: int, start: int = 0) -> None:
    """Leave `to` of the rows `of` in `chosen`: those whose keys, from character `start` on, have the smallest ranks."""
    if of.sum() <= to:
        return
    ranks, row = [], 0
    for table in read_tables(path, columns=["key"]):
        keys = table.column("key").filter(pa.array(of[row : row + len(table)]))
        ranks.append(hash_ranks((key[start:] for key in keys.to_pylist()), seed=seed))
        row += len(table)
    chosen[of] = smallest(np.concatenate(ranks), to)


def _named_classes(classes: Sequence[str] | int, *, there: set[str], seed: int, name: str) -> list[str]:
    if not there:
        raise InputError(f"`classes` is given, but {name} has no classes; leave it out, or use `limit`.")
    if isinstance(classes, int):
        if not 1 <= classes <= len(there):
            raise InputError(f"`classes` is {classes}, but {name} has {len(there)} classes; give 1 to {len(there)}.")
        called = next((each for each in sorted(there) if each.isdecimal() and int(each) == classes), None)
        if called is not None:
            logger.warning(
                "%d classes of %s are drawn; for the class that is called '%s', give `classes` as %s+.",
                classes,
                name,
                called,
                called,
            )
        return draw_classes(sorted(there), classes, seed=seed)
    classes = [classes] if isinstance(classes, str) else classes
    unknown = [each for each in classes if each not in there]
    if unknown or not classes:
        near = difflib.get_close_matches(unknown[0], there, n=1) if unknown else []
        hint = f"did you mean '{near[0]}'?" if near else f"they are {some_names(sorted(there))}."
        raise InputError(f"'{(unknown or [''])[0]}' is not among the {len(there)} classes of {name}; {hint}")
    return list(classes)


def some_names(names: Sequence[str], *, shown: int = 10) -> str:
    """Return the first names and how many more there are.

    Example:
        >>> some_names(["cat", "dog", "horse"], shown=2)
        'cat, dog and 1 more'
    """
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
