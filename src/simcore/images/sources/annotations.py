"""What the annotation files of official downloads say: lists, .mat files, boxes, as plain texts and numbers."""

import math
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.io

from simcore.errors import InputError, in_a_line


def read_list(path: Path) -> list[str]:
    r"""Return the lines of a text file without surrounding blanks; empty lines are left out.

    Raises:
        InputError: the file is no UTF-8 text.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "test.txt"
        >>> _ = path.write_bytes(b"a.jpg\r\n\nb.jpg")
        >>> read_list(path)
        ['a.jpg', 'b.jpg']
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(
            f"{path} is not a text file that can be read ({in_a_line(error)}); unpack the archive again."
        ) from error
    return [line.strip() for line in lines if line.strip()]


def read_pairs(path: Path) -> dict[str, str]:
    r"""Return {first word of a line: the rest of it}, in the order of the file.

    Raises:
        InputError: a line is a single word, or a first word occurs twice.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "images_family_test.txt"
        >>> _ = path.write_text("1514522 Boeing 707\n0747566 F/A-18")
        >>> read_pairs(path)
        {'1514522': 'Boeing 707', '0747566': 'F/A-18'}
    """
    pairs: dict[str, str] = {}
    for line in read_list(path):
        first, *rest = line.split(maxsplit=1)
        if not rest or first in pairs:
            fault = "occurs twice" if first in pairs else "has nothing beside it"
            raise InputError(f"'{first}' in {path} {fault}; unpack the archive again.")
        pairs[first] = rest[0]
    return pairs


def read_mat(path: Path) -> dict[str, Any]:
    """Return the variables of a MATLAB file of version 4 to 7, as scipy reads them (nothing is unpickled).

    Raises:
        InputError: the file is damaged or of another version.
    """
    try:
        return scipy.io.loadmat(path)
    except Exception as error:  # scipy raises what it stumbles over: ValueError, TypeError, KeyError, zlib.error
        raise InputError(
            f"{path} is not a MATLAB file that can be read ({in_a_line(error)}); download it again."
        ) from error


def mat_variable(path: Path, name: str) -> np.ndarray:
    """Return the variable `name` of a MATLAB file.

    Raises:
        InputError: the file is damaged, or has no such variable.
    """
    variables = read_mat(path)
    if name not in variables:
        found = ", ".join(f"`{other}`" for other in variables if not other.startswith("__")) or "none"
        raise InputError(f"{path} has no variable `{name}` (it has {found}); download the official file again.")
    return variables[name]


def mat_values(array: np.ndarray) -> list[Any]:
    """Return the elements of a MATLAB vector or cell array of any nesting as plain numbers and texts.

    Example:
        >>> cell = np.empty((2, 1), dtype=object)
        >>> cell[0, 0], cell[1, 0] = np.array(["n02085620/1.jpg"]), np.array([[7]], dtype=np.uint8)
        >>> mat_values(cell)
        ['n02085620/1.jpg', 7]
    """
    return [_plain(value) for value in np.asarray(array).ravel()]


def mat_fields(structs: np.ndarray, names: Sequence[str], *, path: Path) -> pd.DataFrame:
    """Return one row per element of a MATLAB struct array, with the fields `names` as plain numbers and texts.

    Raises:
        InputError: it is no struct array, or lacks a field.
    """
    found = structs.dtype.names or ()
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(
            f"The annotations in {path} have no field `{missing[0]}` (they have {', '.join(found) or 'none'}); "
            "download the official file again."
        )
    return pd.DataFrame({name: mat_values(structs[name]) for name in names})


def to_numbers(values: Sequence[str | float], *, count: int, path: Path) -> list[float]:
    """Return the values as numbers.

    Args:
        values: words or numbers of an annotation.
        count: how many there must be.
        path: of the annotation, for the message.

    Raises:
        InputError: there are more or fewer, or one is no finite number.
    """
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        given = " ".join(str(value) for value in values)
        raise InputError(f"{path} says '{given}' where {count} numbers belong; unpack the official archive again.")
    return numbers


def to_box(corners: Sequence[str | float], *, path: Path) -> list[float]:
    """Return [x0, y0, x1, y1] as annotated: whoever needs boxes refuses inverted ones, with their image at hand.

    Args:
        corners: left, top, right and bottom.
        path: of the annotation, for the message.

    Raises:
        InputError: these are not four finite numbers.

    Example:
        >>> to_box(["10", "4", "30", "20"], path=Path("images_box.txt"))
        [10.0, 4.0, 30.0, 20.0]
    """
    return to_numbers(corners, count=4, path=path)


def check_apart(train: Container[Any], test: Iterable[Any], *, path: Path) -> None:
    """Raise if an image of `test` is in `train`.

    Args:
        train: images of the train lists.
        test: images of a list read after them.
        path: of that list, for the message.

    Raises:
        InputError: the message names the image.
    """
    shared = next((image for image in test if image in train), None)
    if shared is not None:
        raise InputError(f"'{shared}' of {path} is in another list as well; unpack the official archive again.")


def _plain(value: Any) -> Any:
    """Return the one number or text inside arrays of one element; an empty text array is an empty text."""
    while isinstance(value, np.ndarray):
        if value.size == 0:
            return ""
        if value.size > 1:
            return [_plain(element) for element in value.ravel()]
        value = value.ravel()[0]
    return value.item() if isinstance(value, np.generic) else value
