"""Classes of two parts: what may differ between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.evaluation.labels import find_classes, match_labels


@given(st.lists(st.sampled_from("abcdef"), min_size=1), st.lists(st.sampled_from("abcdef"), min_size=1))
def test_classes_are_those_of_the_training_images(train, test):
    if set(test) - set(train):
        with pytest.raises(InputError, match=f"Test class '{min(set(test) - set(train))}' has no training image"):
            find_classes(train, test)
    elif len(set(train)) == 1:
        with pytest.raises(InputError, match=f"of the one class '{train[0]}'"):
            find_classes(train, test)
    else:
        assert find_classes(train, test) == tuple(sorted(set(train)))


@pytest.mark.parametrize(
    ("train", "test", "sentence"),
    [
        (["a", None, "b"], ["a"], "1 of 3 training images have no label"),
        (["a", "b"], ["a", float("nan")], "1 of 2 test images have no label"),
        (["a", "b"], [], "There is no test image"),
        ([], ["a"], "There is no training image"),
        (["a", "b"], ["a", "d", "c"], r"Test class 'c' has no training image \(nor have 1 more\)"),
    ],
)
def test_what_is_refused(train, test, sentence):
    with pytest.raises(InputError, match=sentence):
        find_classes(train, test)


def test_a_class_without_images_in_a_part_is_fine():
    matched = match_labels(np.zeros((2, 1)), ["a", "c"], classes=["a", "b", "c"], part="test")
    assert matched.classes.tolist() == [0, 2]
