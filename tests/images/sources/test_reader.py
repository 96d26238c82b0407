"""What a reader is given, and the frames it gives back."""

import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.images.sources import LISTING_COLUMNS, READERS, Option, Request, listing_frame, option_of


def test_a_frame_has_its_columns_whatever_is_given() -> None:
    for frame in (listing_frame([], []), listing_frame(["a"], ["/a"]), listing_frame(["a"], ["/a"], reasons="bad")):
        assert tuple(frame.columns) == LISTING_COLUMNS
        assert set(frame.dtypes.astype(str)) == {"str"}
    odd = pd.Series(["x", "y"], index=[7, 3])
    frame = listing_frame(odd, odd, labels=odd, splits=["train", None], boxes=[None, [[0, 0, 1, 1]]], family=odd)
    assert frame.index.tolist() == [0, 1]
    assert frame["label"].tolist() == ["x", "y"] and frame["family"].tolist() == ["x", "y"]
    assert frame["boxes"].tolist() == [None, [[0, 0, 1, 1]]]
    assert frame["split"].isna().tolist() == [False, True]


def test_columns_of_other_lengths() -> None:
    with pytest.raises(InputError, match=r"`label` has 1 values for 2 keys"):
        listing_frame(["a", "b"], ["/a", "/b"], labels=["x"])


def test_options() -> None:
    level = Option("level", ("fine", "coarse"), "fine", "what the label is")
    assert option_of((level,), Request("target"), "level") == "fine"
    assert option_of((level,), Request("target", options={"level": "coarse"}), "level") == "coarse"
    with pytest.raises(InputError, match="`level` is 'size'; allowed are 'fine', 'coarse'"):
        option_of((level,), Request("target", options={"level": "size"}), "level")
    with pytest.raises(InputError, match="no option `subset`; there are: level"):
        option_of((level,), Request("target"), "subset")


@pytest.mark.parametrize("name", READERS)
def test_every_reader_says_what_it_takes(name: str) -> None:
    reader = READERS[name]
    assert reader.takes and not reader.takes.endswith(".")
    for option in reader.options:
        assert option.default in option.allowed and option.help
    assert not set(reader.columns) & {*LISTING_COLUMNS, "width", "height", "source"}
    if reader.official is not None:
        # Sentences end after what is to be downloaded.
        assert not reader.official.download.endswith(".")
