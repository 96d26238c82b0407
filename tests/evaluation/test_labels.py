"""Classes of two parts: what may differ between them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.evaluation.labels import check_trained, find_classes, match_labels


def manifest(train, test, *, column="label"):
    """Return a manifest of two sources with these labels."""
    rows = [("train", label) for label in train] + [("test", label) for label in test]
    return pd.DataFrame(
        [
            {"key": f"{number}.png", "uri": f"/d/{number}.png", "source": split, "split": split, column: label}
            for number, (split, label) in enumerate(rows)
        ]
    )


@given(st.lists(st.sampled_from("abcdef"), min_size=1), st.lists(st.sampled_from("abcdef"), min_size=1))
def test_classes_are_those_of_the_training_images(train, test):
    missing = set(test) - set(train)
    if missing:
        first = f"'{len(train) + test.index(min(missing))}.png', /d/"
        with pytest.raises(InputError, match=f"Test class '{min(missing)}' has no training image.*test image {first}"):
            find_classes(manifest(train, test))
    elif len(set(train)) == 1:
        with pytest.raises(InputError, match=f"of `train` are of the one class '{train[0]}' .*'0.png', /d/0.png"):
            find_classes(manifest(train, test))
    else:
        assert find_classes(manifest(train, test)) == tuple(sorted(set(train)))
        assert find_classes(manifest(train, test, column="maker"), column="maker") == tuple(sorted(set(train)))


@pytest.mark.parametrize(
    ("train", "test", "sentence"),
    [
        (["a", None, "b"], ["a"], "1 of 3 training images of `train` have no label .*'1.png', /d/1.png"),
        (["a", "b"], ["a", float("nan")], "1 of 2 test images of `test` have no label .*'3.png', /d/3.png"),
        (["a", "b"], [], "There is no test image among the 2 of `train`"),
        ([], ["a"], "There is no training image among the 1 of `test`"),
        (["a", "b"], ["a", "d", "c"], r"'c' has no training image \(nor have 1 more\), and test image '4.png', /d/"),
    ],
)
def test_what_is_refused_is_named(train, test, sentence):
    with pytest.raises(InputError, match=sentence):
        find_classes(manifest(train, test))


def test_a_test_class_without_training_images_is_refused_where_images_have_no_names():
    with pytest.raises(InputError, match=r"^Test class 'b' has no training image; add some"):
        check_trained({"a"}, ["a", "b"])


def test_a_class_without_images_in_a_part_is_fine():
    matched = match_labels(np.zeros((2, 1)), ["a", "c"], classes=["a", "b", "c"], part="test")
    assert matched.classes.tolist() == [0, 2]
