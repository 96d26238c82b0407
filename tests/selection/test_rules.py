import pytest

from simcore.selection.rules import budget_in_images

IMAGES = {"ImageNet": 1_281_167, "COCO": 118_287, "iNaturalist": 500_000, "Places": 8_026_628}
# Train images of the targets, from the table of datasets in the supplementary material.
TARGETS = {
    "Aircraft": 6_667,
    "Cars": 8_144,
    "Pet": 3_680,
    "Birds": 5_990,
    "Dogs": 12_000,
    "Flowers": 2_040,
    "Action": 4_000,
    "Indoor": 5_360,
    "Textures": 3_760,
    "Faces": 4_263,
    "Food": 13_296,
}
OPENSETS = {**IMAGES, "ALL": 9_926_082, "WebVision": 2_446_037}
# Percent of the open-set at the cap, as the published ratios show it where the cap and not the stop rule decided.
PUBLISHED = {
    ("Pet", "ImageNet"): 14.36,
    ("Flowers", "ImageNet"): 7.96,
    ("Action", "ImageNet"): 15.61,
    ("Birds", "ImageNet"): 23.38,
    ("Cars", "ImageNet"): 31.78,
    ("Indoor", "ImageNet"): 20.92,
    ("Pet", "Places"): 2.29,
    ("Birds", "Places"): 3.73,
    ("Action", "Places"): 2.49,
    ("Indoor", "Places"): 3.34,
    ("Pet", "ALL"): 1.85,
    ("Birds", "ALL"): 3.02,
    ("Action", "ALL"): 2.01,
    ("Indoor", "ALL"): 2.70,
    ("Pet", "WebVision"): 7.52,
    ("Birds", "WebVision"): 12.24,
    ("Action", "WebVision"): 8.18,
    ("Indoor", "WebVision"): 10.96,
    ("Aircraft", "iNaturalist"): 66.67,
    ("Food", "iNaturalist"): 132.96,
}
CAPS = {
    "Aircraft": 333_350,
    "Cars": 407_200,
    "Pet": 184_000,
    "Birds": 299_500,
    "Dogs": 600_000,
    "Flowers": 102_000,
    "Action": 200_000,
    "Indoor": 268_000,
    "Textures": 188_000,
    "Faces": 213_150,
    "Food": 664_800,
}


def test_all_is_the_union_of_four_open_sets():
    assert OPENSETS["ALL"] == sum(IMAGES.values())


@pytest.mark.parametrize("target", TARGETS)
def test_the_published_cap_is_fifty_images_for_each_target_image(target):
    assert budget_in_images(None, n_openset=1_281_167, n_target=TARGETS[target]) == CAPS[target]


@pytest.mark.parametrize(("target", "openset"), PUBLISHED)
def test_the_cap_explains_the_published_ratio(target, openset):
    images = budget_in_images(None, n_openset=OPENSETS[openset], n_target=TARGETS[target])
    assert round(100 * images / OPENSETS[openset], 2) == PUBLISHED[target, openset]


@pytest.mark.parametrize(
    ("share", "n", "images"),
    [(0.01, 1_281_167, 12_811), (0.05, 1_281_167, 64_058), (0.1, 1_281_167, 128_116), (0.29, 100, 29), (0.999, 2, 1)],
)
def test_a_share_is_the_decimal_it_is_written_as_rounded_down(share, n, images):
    assert budget_in_images(share, n_openset=n, n_target=None) == images


def test_an_unknown_open_set_leaves_a_share_open():
    assert budget_in_images(0.5, n_openset=None, n_target=None) is None
    assert budget_in_images(None, n_openset=10, n_target=None) is None
    assert budget_in_images(7, n_openset=None, n_target=3) == 7
