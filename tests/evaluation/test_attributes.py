"""Label columns, and the published way to mean over classes."""

import numpy as np
import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.evaluation import Outcome, add_deflated_mean, attribute_columns


@pytest.fixture
def manifest() -> pd.DataFrame:
    n = 12
    return pd.DataFrame(
        {
            "key": [f"k{number:02d}" for number in range(n)],
            "uri": "u",
            "label": [f"v{number % 4}" for number in range(n)],
            "split": ["train", "test"] * 6,
            "width": 1,
            "height": 1,
            "source": "aircraft",
            "variant": [f"v{number % 4}" for number in range(n)],
            "family": [f"f{number % 2}" for number in range(n)],
            "comment": [f"c{number}" for number in range(n)],
            "same": "s",
            "mask": [f"m{number}" for number in range(n)],
            "mask_coding": "trimap",
            "boxes": [[[0.0, 0.0, 1.0, 1.0]]] * n,
            "size": 3,
        }
    )


def test_auto_takes_what_labels_images_in_another_way(manifest):
    assert attribute_columns(manifest) == ("family",)
    assert attribute_columns(manifest.assign(label=manifest["family"])) == ("variant",)


def test_a_column_with_gaps_is_an_attribute(manifest):
    manifest.loc[:3, "family"] = None
    assert attribute_columns(manifest) == ("family",)


def test_named_columns(manifest):
    assert attribute_columns(manifest, wanted=("variant", "comment")) == ("variant", "comment")
    with pytest.raises(InputError, match="`aircraft` has no label column 'maker'; it has variant, family, comment"):
        attribute_columns(manifest, wanted=("maker",))
    with pytest.raises(InputError, match="no label column 'size'"):
        attribute_columns(manifest, wanted=("size",))


def test_none_at_all(manifest):
    with pytest.raises(InputError, match="manifest of `aircraft` has no label column beside `label`"):
        attribute_columns(manifest.drop(columns=["family", "variant"]))


def test_the_published_mean_divides_by_the_finer_classes():
    """Three classes, of which the test images have two, right half the time and always; 100 variants."""
    outcome = Outcome(
        "attribute_family", "clean cached", ("a", "b", "c"), np.array([0, 0, 2]), np.array([[0], [1], [2]]), {"x": 1.0}
    )
    values = {record["metric"]: record["value"] for record in add_deflated_mean(outcome, class_count=100).records()}
    assert values["mean_per_class"] == pytest.approx(0.75)
    assert values["mean_per_class_published"] == pytest.approx(0.015)
    assert values["x"] == 1.0
