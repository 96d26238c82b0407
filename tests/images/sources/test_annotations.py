from pathlib import Path

import numpy as np
import pytest
import scipy.io

from simcore.errors import InputError
from simcore.images.sources.annotations import (
    mat_fields,
    mat_values,
    mat_variable,
    read_list,
    read_mat,
    read_pairs,
    to_box,
    to_numbers,
)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"a b.jpg", ["a b.jpg"]),
        (b"a.jpg\nb.jpg\n", ["a.jpg", "b.jpg"]),
        (b"\xef\xbb\xbfa.jpg\r\n\r\n  b.jpg \r\n", ["a.jpg", "b.jpg"]),
        ("mönch\u2028see.jpg\nb".encode(), ["mönch\u2028see.jpg", "b"]),
    ],
)
def test_lines(tmp_path: Path, data: bytes, lines: list[str]) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(data)
    assert read_list(path) == lines


def test_a_list_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(InputError, match=r"list.txt is not a text file that can be read"):
        read_list(path)
    with pytest.raises(InputError, match=r"is not a text file that can be read"):
        read_list(tmp_path)


def test_pairs_are_split_once(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("0034309 F/A-18\n0034958\tBoeing  747 SP\n")
    assert list(read_pairs(path).items()) == [("0034309", "F/A-18"), ("0034958", "Boeing  747 SP")]


@pytest.mark.parametrize(
    ("text", "message"), [("1 a\n2\n", "'2' in .* has nothing beside it"), ("1 a\n1 b\n", "'1' in .* occurs twice")]
)
def test_broken_pairs(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_pairs(path)


def test_cells_and_numbers_of_any_nesting(tmp_path: Path) -> None:
    inner = np.empty((1, 1), dtype=object)
    inner[0, 0] = np.array(["c d"])
    cells = np.empty((3, 1), dtype=object)
    cells[0, 0], cells[1, 0], cells[2, 0] = "a/b.jpg", inner, ""
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, {"cells": cells, "row": np.array([[1, 300]], dtype=np.uint16), "column": [[1.0], [2.5]]})
    assert mat_values(mat_variable(path, "cells")) == ["a/b.jpg", "c d", ""]
    assert mat_values(mat_variable(path, "row")) == [1, 300]
    assert mat_values(mat_variable(path, "column")) == [1.0, 2.5]


def test_structs(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    structs = np.empty((1, 2), dtype=[("fname", object), ("class", object)])
    structs[0, 0], structs[0, 1] = ("00001.jpg", np.uint8(14)), ("00002.jpg", np.uint8(3))
    scipy.io.savemat(path, {"annotations": structs})
    found = mat_fields(mat_variable(path, "annotations"), ["class", "fname"], path=path)
    assert found.to_dict("list") == {"class": [14, 3], "fname": ["00001.jpg", "00002.jpg"]}
    with pytest.raises(InputError, match=r"x.mat have no field `test` .they have fname, class.; download"):
        mat_fields(mat_variable(path, "annotations"), ["test"], path=path)
    with pytest.raises(InputError, match=r"have no field `test` .they have none."):
        mat_fields(np.zeros(3), ["test"], path=path)


def test_a_damaged_mat_file(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, {"labels": np.arange(500)}, do_compression=True)
    whole = path.read_bytes()
    for data in (b"", b"no MATLAB file at all" * 20, whole[: len(whole) // 2]):
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"x.mat is not a MATLAB file that can be read"):
            read_mat(path)
    path.write_bytes(whole)
    with pytest.raises(InputError, match=r"x.mat has no variable `setid` \(it has `labels`\)"):
        mat_variable(path, "setid")


@pytest.mark.parametrize(
    "values", [["1", "2", "3"], ["1", "2", "3", "4", "5"], ["1", "2", "3", "x"], [1, 2, 3, np.nan]]
)
def test_numbers_that_are_none(values: list) -> None:
    with pytest.raises(InputError, match=r"boxes.txt says '1 2 3.*' where 4 numbers belong"):
        to_numbers(values, count=4, path=Path("boxes.txt"))


def test_boxes_stay_as_annotated_beyond_the_image_and_inverted() -> None:
    assert to_box([-3, 2, 5000, 1], path=Path("boxes.txt")) == [-3.0, 2.0, 5000.0, 1.0]
