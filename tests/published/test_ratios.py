"""The published ratios against numbers read off the paper, and against its own cap."""

import pytest

from simcore.published import published_ratio, sampling_ratios
from simcore.selection import budget_in_images

N_IMAGENET = 1_281_167
N_TARGET = {"aircraft": 6667, "cars": 8144, "pets": 3680, "birds": 5990}


@pytest.mark.parametrize(
    ("target", "openset", "method", "encoder", "tau", "expected"),
    [
        ("aircraft", "imagenet", "simclr", "resnet50", 0.95, (1.03, "main")),
        ("pets", "imagenet", "simclr", "resnet50", 0.95, (14.36, "12")),
        ("birds", "webfg", "simclr", "resnet50", 0.95, (34.47, "12")),
        ("cars", "imagenet", "dino", "vit_tiny_16", 0.6, (2.51, "11")),
        ("pets", "imagenet", "mae", "vit_base_16", 0.99, (0.45, "13")),
    ],
)
def test_numbers_as_printed(target, openset, method, encoder, tau, expected):  # noqa: PLR0917 columns
    assert published_ratio(target=target, openset=openset, method=method, encoder=encoder, tau=tau) == expected


def test_what_the_paper_does_not_have_is_none():
    settings = {"openset": "imagenet", "method": "simclr", "encoder": "resnet50", "tau": 0.95}
    assert published_ratio(target="quadrupeds", **settings) is None
    assert published_ratio(target="pets", **{**settings, "tau": None}) is None


def test_no_ratio_is_above_the_cap():
    table = sampling_ratios()
    rows = table[(table["openset"] == "imagenet") & table["target"].isin(N_TARGET)]
    assert len(rows) > 60
    for row in rows.itertuples():
        cap = budget_in_images(None, n_openset=N_IMAGENET, n_target=N_TARGET[row.target])
        assert row.ratio_percent <= round(100 * cap / N_IMAGENET, 1) + 0.05, row
