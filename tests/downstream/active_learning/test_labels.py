"""Labels from a file."""

from pathlib import Path

import pandas as pd
import pytest

from simcore.downstream.active_learning import label_from_file
from simcore.errors import InputError

TRAIN = pd.DataFrame({"key": ["a", "b", "c"], "label": ["NA", "7", "NA"], "uri": ["/a", "/b", "/c"]})
CLASSES = ("7", "NA")


def read(folder: Path, text: str, encoding: str = "utf-8") -> list[str | None]:
    path = folder / "labels.csv"
    path.write_bytes(text.encode(encoding))
    table = label_from_file(TRAIN, path, classes=CLASSES)
    assert table["key"].tolist() == ["a", "b", "c"] and table["uri"].tolist() == ["/a", "/b", "/c"]
    return table["label"].tolist()


def test_only_the_file_counts(tmp_path: Path) -> None:
    assert read(tmp_path, "key,label\n") == [None, None, None]
    # As a spreadsheet writes it: further columns, another order, a byte-order mark, spaces, empty and repeated lines.
    text = "uri,label,key\r\n/c,7 ,c\r\n/b,,b\r\n/a,NA,a\r\n/c,7,c\r\n"
    assert read(tmp_path, text, "utf-8-sig") == ["NA", None, "7"]
    assert TRAIN["label"].tolist() == ["NA", "7", "NA"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("key,label\na,7\nx,7\ny,NA\n", "labels 'x', 'y', which are not among the 3 training images"),
        ("key,label\na,seven\nb,none\n", "none of the 2 classes of the test images: 'none', 'seven'; the classes are"),
        ("key,label\na,7\na,NA\n", "gives two labels to 'a'; each image has one"),
        ("name,label\na,7\n", "has the columns name, label, but no key; its first line has to be `key,label`"),
        ("", "cannot be read as a table of labels"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(tmp_path, text)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read as a table of labels"):
        read(tmp_path, "key,label\na,ü\n", "latin-1")
