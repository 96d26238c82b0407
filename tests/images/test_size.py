import logging

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.images import IMAGE_SIZES, choose_image_size

FREE = {"time_budget_minutes": None, "images_per_second_at_32": 1000.0, "image_visits": 60_000}


def images(*sizes: tuple[int, int]) -> pd.DataFrame:
    return pd.DataFrame(sizes, columns=["width", "height"])


@pytest.mark.parametrize(
    ("side", "size"), [(28, 28), (31, 28), (32, 32), (100, 96), (223, 192), (224, 224), (2000, 224)]
)
def test_it_follows_the_images(side: int, size: int) -> None:
    found = choose_image_size(images((side, side + 7)), **FREE)
    assert (found.image_size, found.median_side, found.reduction) == (size, side, side / size)


def test_the_median_of_the_shorter_sides_counts() -> None:
    assert choose_image_size(images((500, 64), (80, 300), (1000, 1000)), **FREE).median_side == 80
    assert choose_image_size(images((40, 50), (61, 60)), **FREE).median_side == 50


def test_the_cost_model_is_exact_at_its_border() -> None:
    at_96 = 60_000 / 1000 * (96 / 32) ** 2 / 60
    budget = {**FREE, "time_budget_minutes": at_96}
    assert choose_image_size(images((300, 300)), **budget).image_size == 96
    assert choose_image_size(images((300, 300)), **{**budget, "time_budget_minutes": at_96 * 0.999}).image_size == 80


@given(
    side=st.integers(1, 3000),
    minutes=st.floats(0.1, 1e4),
    speed=st.floats(1, 1e5),
    visits=st.integers(0, 10**9),
    maximum=st.sampled_from([28, 64, 100, 224]),
    patch=st.sampled_from([None, 4, 8, 16]),
)
@settings(deadline=None)
def test_auto_keeps_all_its_promises(*, side, minutes, speed, visits, maximum, patch) -> None:
    declared = {"images_per_second_at_32": speed, "image_visits": visits, "maximum": maximum, "patch": patch}
    if not [size for size in IMAGE_SIZES if size <= maximum and size % (patch or 1) == 0]:
        with pytest.raises(InputError, match="No image size suits"):
            choose_image_size(images((side, side)), time_budget_minutes=minutes, **declared)
        return
    found = choose_image_size(images((side, side)), time_budget_minutes=minutes, **declared)
    size = found.image_size
    allowed = [s for s in IMAGE_SIZES if s <= maximum and s % (patch or 1) == 0]
    fits = [s for s in allowed if s <= side and visits / speed * (s / 32) ** 2 / 60 <= minutes]
    assert size == (max(fits) if fits else min(allowed))
    more = choose_image_size(images((side, side)), time_budget_minutes=2 * minutes, **declared)
    assert more.image_size >= size
    unlimited = choose_image_size(images((side, side)), time_budget_minutes=None, **declared)
    assert unlimited.image_size >= more.image_size


def test_a_request_is_taken_whatever_it_costs(caplog: pytest.LogCaptureFixture) -> None:
    found = choose_image_size(images((50, 50)), requested=300, **{**FREE, "time_budget_minutes": 1})
    assert (found.image_size, found.reduction) == (300, 50 / 300)
    assert "more than the budget of 1" in caplog.text


def test_one_line_says_why(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for arguments, reason in (
        ({}, "it follows the images"),
        ({"maximum": 64}, "it is the largest size up to `maximum` = 64"),
        ({"time_budget_minutes": 1.5}, "it is the largest size that trains within 1.5 minutes"),
        ({"requested": 64}, "it was requested"),
    ):
        caplog.clear()
        found = choose_image_size(images((100, 100)), **{**FREE, **arguments})
        assert found.reason == reason
        assert len(caplog.records) == 1
        assert reason in caplog.text
        assert str(found.image_size) in caplog.text


def test_warnings_say_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    choose_image_size(images((896, 896)), **FREE)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    choose_image_size(images((897, 897)), **FREE)
    assert "reduced 4.0 times" in caplog.text
    assert "request a larger `image_size`" in caplog.text
    caplog.clear()
    found = choose_image_size(images((100, 100)), **{**FREE, "time_budget_minutes": 0.01})
    assert found.image_size == 28
    assert "train for fewer image visits" in caplog.text
    caplog.clear()
    assert choose_image_size(images((20, 20)), **FREE).image_size == 28


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time_budget_minutes": 0}, "`time_budget_minutes` is 0"),
        ({"images_per_second_at_32": 0}, "`images_per_second_at_32` is 0"),
        ({"image_visits": -1}, "`image_visits` is -1"),
        ({"patch": 0}, "`patch` is 0"),
        ({"requested": 0}, "`requested` is 0"),
        ({"requested": "large"}, "`requested` is 'large'"),
        ({"requested": True}, "`requested` is True"),
        ({"requested": 100, "patch": 16}, "no multiple of the patch side 16; take 96"),
        ({"requested": 5, "patch": 16}, "take 16"),
        ({"maximum": 20}, "No image size suits `maximum` = 20"),
    ],
)
def test_settings_out_of_range(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_image_size(images((100, 100)), **{**FREE, **changes})


def test_no_images() -> None:
    with pytest.raises(InputError, match="no images"):
        choose_image_size(images(), **FREE)
