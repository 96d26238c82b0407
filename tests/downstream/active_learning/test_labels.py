"""Labels of a file in place of those of the manifest."""

from pathlib import Path

import pandas as pd
import pytest

from simcore.downstream.active_learning import label_from_file
from simcore.errors import InputError

TRAIN = pd.DataFrame({"key": ["a", "b", "c"], "label": ["NA", "7", "NA"], "uri": ["/a", "/b", "/c"]}, index=[4, 2, 9])
CLASSES = ("7", "NA")


@pytest.mark.parametrize(
    ("lines", "labels"),
    [
        ("", [None, None, None]),
        # In another order, one not filled in.
        ("c,7\nb,\na,NA\n", ["NA", None, "7"]),
    ],
)
def test_only_the_file_counts(tmp_path: Path, lines: str, labels: list[str | None]) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("key,label\n" + lines)
    table = label_from_file(TRAIN, path, classes=CLASSES)
    assert table["key"].tolist() == ["a", "b", "c"] and table["uri"].tolist() == ["/a", "/b", "/c"]
    assert table["label"].tolist() == labels
    assert TRAIN["label"].tolist() == ["NA", "7", "NA"]


def test_what_is_unknown_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("key,label\na,7\nx,7\n")
    with pytest.raises(InputError, match="1 unknown key: 'x'"):
        label_from_file(TRAIN, path, classes=CLASSES)
