"""Tables that a person fills in."""

from pathlib import Path

import pandas as pd

from simcore.datasets.csv_tables import CsvDataset


def test_a_table_comes_back_as_text_and_knows_its_place(tmp_path: Path) -> None:
    path = tmp_path / "wanted.csv"
    dataset = CsvDataset(filepath=str(path))
    dataset.save(pd.DataFrame({"key": ["007", "NA", 'a,"b"'], "label": [None, "7", "é"]}))
    found = dataset.load()
    assert found.to_dict("list") == {"key": ["007", "NA", 'a,"b"'], "label": ["", "7", "é"]}
    assert found.attrs["file"] == str(path)
    assert dataset.preview(nrows=1)["data"] == [["007", ""]]
    # Nothing to fill in is a table without rows.
    dataset.save(found.head(0))
    assert dataset.load().empty and list(dataset.load()) == ["key", "label"]
