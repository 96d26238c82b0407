"""The paper's lengths: closed forms, and the published runs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.training.epochs import (
    IMAGENET_IMAGES,
    epochs_for_coreset,
    paper_epochs,
    paper_length,
    rescale_epochs,
    reselection_epochs,
    two_stage_epochs,
)

# Target, ratio of ImageNet in per cent as published, images of X, epochs of its run. At a cap of 50 |X| the coreset's
# size is known exactly.
PUBLISHED = [
    ("Aircraft", 1.03, None, 5_000),
    ("Cars", 0.95, None, 5_000),
    ("Pet", 14.36, 3_680, 696),
    ("Birds", 13.68, None, 730),
    ("Dogs", 9.72, None, 1_028),
    ("Flowers", 7.96, 2_040, 1_256),
    ("Action", 15.61, 4_000, 640),
    ("Indoor", 13.46, None, 742),
    ("Textures", 5.89, None, 1_697),
    ("Faces", 0.27, None, 5_000),
    ("Food", 3.86, None, 2_590),
]


@pytest.mark.parametrize(("target", "percent", "n_target", "epochs"), PUBLISHED, ids=[row[0] for row in PUBLISHED])
def test_epochs_of_the_published_stop_rule_runs(target: str, percent: float, n_target: int | None, epochs: int) -> None:
    if n_target is not None:
        assert round(100 * 50 * n_target / IMAGENET_IMAGES, 2) == percent
        assert epochs_for_coreset(50 * n_target) == epochs
    # Every size that prints as this ratio gives epochs within what the printed digits leave open.
    few = epochs_for_coreset(math.floor((percent + 0.005) / 100 * IMAGENET_IMAGES))
    many = epochs_for_coreset(math.ceil((percent - 0.005) / 100 * IMAGENET_IMAGES))
    assert few <= epochs <= many <= few * 1.04
    assert epochs_for_coreset(round(percent / 100 * IMAGENET_IMAGES)) in (epochs, epochs - 1)


def test_fixed_shares_of_imagenet() -> None:
    assert epochs_for_coreset(int(0.01 * IMAGENET_IMAGES)) == 5_000
    assert epochs_for_coreset(int(0.05 * IMAGENET_IMAGES)) == 2_000


def test_other_open_sets_are_measured_by_imagenet() -> None:
    # 50 |X| of Indoor, 3.34 % of Places and 20.92 % of ImageNet: the same images to train on, the same epochs.
    assert epochs_for_coreset(268_000) == 478


@given(st.integers(1, 10**10))
def test_rule_is_the_formula(n_selected: int) -> None:
    assert epochs_for_coreset(n_selected) == max(1, min(5_000, math.floor(128_116_700 / n_selected)))


def test_an_empty_coreset_has_no_epochs() -> None:
    with pytest.raises(InputError, match="at least 1 image"):
        epochs_for_coreset(0)
    with pytest.raises(InputError, match="n_selected"):
        paper_epochs("coreset")


def test_epochs_by_purpose() -> None:
    assert paper_epochs("retrieval") == 1_000
    assert paper_epochs("target") == 5_000
    assert paper_epochs("openset") == 200
    assert paper_epochs("coreset", n_selected=184_000) == 696
    assert paper_epochs("coreset", n_selected=184_000, two_stage=True) == 139 == two_stage_epochs(696)
    assert paper_epochs("target", two_stage=True) == 1_000
    assert two_stage_epochs(3) == 1


# name, (retrieval 1,000; X 5,000; coreset 5,000; coreset 696; coreset 400; open-set 200)
LENGTHS = [
    ("dino.warmup", (20, 100, 100, 13, 8, 4)),
    ("dino.warmup_teacher_temperature", (400, 2_000, 2_000, 278, 160, 80)),
    ("dino.freeze_last_layer", (10, 10, 10, 1, 1, 1)),
    ("swav.freeze_prototypes", (10, 10, 10, 1, 1, 1)),
    ("mae.warmup", (100, 100, 100, 13, 8, 4)),
]


@pytest.mark.parametrize(("name", "expected"), LENGTHS)
def test_parts_of_schedules(name: str, expected: tuple[int, ...]) -> None:
    runs = [
        ("retrieval", 1_000),
        ("target", 5_000),
        ("coreset", 5_000),
        ("coreset", 696),
        ("coreset", 400),
        ("openset", 200),
    ]
    assert tuple(paper_length(name, purpose=purpose, epochs=epochs) for purpose, epochs in runs) == expected


def test_unknown_part_is_refused() -> None:
    with pytest.raises(InputError, match=r"`simclr.warmup`; it does of dino"):
        paper_length("simclr.warmup", purpose="target", epochs=5_000)


@given(st.integers(0, 5_000), st.integers(1, 5_000))
def test_rescaling_is_exact_integer_arithmetic(value: int, epochs: int) -> None:
    assert rescale_epochs(value, epochs) == value * epochs // 5_000
    assert rescale_epochs(value, 5_000) == value
    assert rescale_epochs(value, epochs, at_least=3) >= 3


def test_reselections() -> None:
    assert reselection_epochs(5_000, selections=3) == (1_666, 3_333)
    assert reselection_epochs(10, selections=1) == ()
    with pytest.raises(InputError, match="do not fit a run of 2 epochs"):
        reselection_epochs(2, selections=3)


@given(st.integers(2, 5_000).flatmap(lambda epochs: st.tuples(st.just(epochs), st.integers(2, epochs))))
def test_reselections_are_spread_within_the_run(drawn: tuple[int, int]) -> None:
    epochs, selections = drawn
    after = reselection_epochs(epochs, selections=selections)
    assert len(set(after)) == selections - 1
    assert min(after) >= 1 and max(after) < epochs
