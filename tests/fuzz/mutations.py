"""Ways in which bytes come to be others."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Change = tuple[Any, ...]

_NUMBERS = (b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\x00\x00\x00", b"\xff" * 8)


def changes(size: int, *, most: int = 4) -> st.SearchStrategy[list[Change]]:
    """Return a strategy of one to `most` changes of `size` bytes."""
    place = st.integers(0, max(0, size - 1))
    # The end is where Parquet, ZIP and JPEG say what the rest means.
    place |= st.integers(max(0, size - 400), max(0, size - 1))
    change = (
        st.tuples(st.just("flip"), place, st.integers(0, 7))
        | st.tuples(st.just("set"), place, st.integers(0, 255))
        | st.tuples(st.just("put"), place, st.sampled_from(_NUMBERS))
        | st.tuples(st.just("cut"), place)
        | st.tuples(st.just("insert"), place, st.binary(min_size=1, max_size=9))
        | st.tuples(st.just("drop"), place, st.integers(1, 64))
        | st.tuples(st.just("copy"), place, place, st.integers(1, 64))
    )
    return st.lists(change, min_size=1, max_size=most)


def apply(data: bytes, made: list[Change]) -> bytes:
    """Return `data` with the changes made, one after the other."""
    changed = bytearray(data)
    for name, *arguments in made:
        _MAKE[name](changed, *arguments)
    return bytes(changed)


def _flip(data: bytearray, place: int, bit: int) -> None:
    if place < len(data):
        data[place] ^= 1 << bit


def _set(data: bytearray, place: int, value: int) -> None:
    if place < len(data):
        data[place] = value


def _put(data: bytearray, place: int, value: bytes) -> None:
    data[place : place + len(value)] = value


def _cut(data: bytearray, place: int) -> None:
    del data[place:]


def _insert(data: bytearray, place: int, value: bytes) -> None:
    data[place:place] = value


def _drop(data: bytearray, place: int, count: int) -> None:
    del data[place : place + count]


def _copy(data: bytearray, place: int, source: int, count: int) -> None:
    data[place:place] = data[source : source + count]


_MAKE: dict[str, Callable[..., None]] = {
    "flip": _flip,
    "set": _set,
    "put": _put,
    "cut": _cut,
    "insert": _insert,
    "drop": _drop,
    "copy": _copy,
}
