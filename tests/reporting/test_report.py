import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.reporting import Table, describe_data
from simcore.reporting.report import flatten_settings


def test_data_is_counted_by_split() -> None:
    manifest = pd.DataFrame(
        {
            "label": ["a", "b", "a", None],
            "split": ["test", "train", "train", "train"],
            "width": [40, 30, 60, 50],
            "height": [30, 30, 30, 40],
        }
    )
    train, test = describe_data(manifest, pd.DataFrame({"key": ["broken"]}), name="target")
    assert (train.name, train.n_images, train.n_rejected, train.n_classes) == ("target, train", 3, 1, 2)
    assert train.image_size == "median 50 × 30, shorter side 30 to 40"
    assert (test.name, test.n_images, test.n_rejected, test.image_size) == ("target, test", 1, 0, "40 × 30")


def test_no_labels_are_no_classes() -> None:
    manifest = pd.DataFrame({"label": [None], "split": ["train"], "width": [8], "height": [8]})
    assert describe_data(manifest, name="open-set")[0].n_classes is None


def test_a_ragged_table_is_refused() -> None:
    with pytest.raises(InputError, match="row of 1 cells for 2 columns"):
        Table("Counts", ("what", "n"), (("twins",),))


def test_columns_of_numbers_are_known() -> None:
    table = Table("Counts", ("what", "n", "share", "note"), (("a", "1,200", "−0.5 %", "3 kg"), ("b", "7", "+1", "2")))
    assert table.number_columns == {1, 2}


def test_settings_keep_their_order_and_types() -> None:
    settings = {"b": {"list": [1, 2], "flag": True, "empty": {}}, "a": "text"}
    assert list(flatten_settings(settings).items()) == [
        ("b.list", "[1, 2]"),
        ("b.flag", "true"),
        ("b.empty", "{}"),
        ("a", "text"),
    ]
