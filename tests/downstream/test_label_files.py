"""Labels from a file are read by key, as text, and checked."""

from pathlib import Path

import pandas as pd
import pytest

from simcore.downstream.label_files import read_labels
from simcore.errors import InputError

KEYS, CLASSES = ["a.png", "b.png", "7"], ["cat", "dog", "1", "NA"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_labels_are_read_by_key(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"labels.{ending}"
    # What looks like a number or like nothing stays text.
    frame = pd.DataFrame({"note": ["x", "y", "z"], "key": ["7", "a.png", "b.png"], "label": ["1", "NA", None]})
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    assert read_labels(path, keys=KEYS, classes=CLASSES).to_dict() == {"7": "1", "a.png": "NA"}


def test_a_table_as_a_spreadsheet_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "labels.CSV"
    # A byte-order mark, quotes, spaces, a line twice, lines that are not filled in, with spaces in one.
    path.write_bytes('label,"key"\r\n"dog ",a.png\r\n,b.png\r\n  ,7\r\ndog,a.png\r\n'.encode("utf-8-sig"))
    assert read_labels(path, keys=KEYS, classes=CLASSES).to_dict() == {"a.png": "dog"}


def test_nothing_is_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    for text in ("key,label\n", "key,label\na.png,\n"):
        path.write_text(text)
        assert read_labels(path, keys=KEYS, classes=CLASSES).empty


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("no.csv", None, "no.csv is no file"),
        ("labels.txt", "key,label\n", r"ends in '.txt'; labels are read from .csv and .parquet"),
        ("labels.csv", "key,class\na.png,cat\n", "lacks the column label; it has key, class"),
        ("labels.csv", "key,label\nz.png,cat\nb.png,dog\ny.png,cat\n", "has 2 unknown keys: 'z.png', 'y.png'; take"),
        ("labels.csv", "key,label\na.png,cow\n", "has 1 unknown class: 'cow'; the classes are '1', 'NA', 'cat', 'dog'"),
        ("labels.csv", "key,label\na.png,cat\na.png,dog\n", "gives more than one label to 'a.png'"),
        ("labels.csv", "key,label\na.png,ü\n".encode("latin-1"), "cannot be read as .csv"),
        ("labels.csv", "", "cannot be read as .csv"),
        ("labels.csv", "key,label\na.png,cat,dog\n", "cannot be read as .csv"),
        ("labels.parquet", "no parquet", "cannot be read as .parquet"),
    ],
)
def test_wrong_files(tmp_path: Path, name: str, text: str | bytes | None, sentence: str) -> None:
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=sentence) as caught:
        read_labels(tmp_path / name, keys=KEYS, classes=CLASSES)
    assert "\n" not in str(caught.value)
