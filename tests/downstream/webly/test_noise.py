"""Planted labels are where they were planted."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.downstream.webly import plant_noise
from simcore.errors import InputError

NAMES = ("bear", "cat", "cow", "dog")


def labels_of(counts: dict[str, int]) -> pd.Series:
    return pd.Series({f"{name}/{number}.png": name for name, count in counts.items() for number in range(count)})


@given(
    st.dictionaries(st.sampled_from(NAMES), st.integers(1, 12), min_size=2),
    st.sampled_from([0.0, 0.1, 0.4, 0.9, 1.0]),
    st.sampled_from(["symmetric", "next"]),
    st.integers(0, 5),
    st.randoms(),
)
@settings(deadline=None)
def test_a_share_of_each_class_becomes_another(counts, share, kind, seed, random) -> None:
    labels = labels_of(counts)
    noisy = plant_noise(labels, share, kind, seed)
    assert noisy.index.equals(labels.index) and set(noisy) <= set(labels)
    wrong = noisy != labels
    for name, count in counts.items():
        expected = -(-round(count * share, 9) // 1)
        assert wrong[labels == name].sum() == expected
    # Neither the order of the images nor a larger share changes what was planted.
    shuffled = list(labels.index)
    random.shuffle(shuffled)
    assert plant_noise(labels[shuffled], share, kind, seed)[labels.index].equals(noisy)
    more = plant_noise(labels, 1.0, kind, seed)
    assert (more[wrong] == noisy[wrong]).all()


def test_symmetric_noise_reaches_all_other_classes_alike() -> None:
    labels = labels_of({"bear": 3000, "cat": 1, "cow": 1, "dog": 1})
    noisy = plant_noise(labels, 0.5, seed=0)[labels == "bear"]
    counts = noisy.value_counts()
    assert counts["bear"] == 1500
    # Of 1,500 draws a third each, give or take five standard deviations.
    assert all(abs(counts[name] - 500) < 5 * (1500 * 2 / 9) ** 0.5 for name in ("cat", "cow", "dog"))


def test_next_is_the_class_after() -> None:
    noisy = plant_noise(labels_of(dict.fromkeys(NAMES, 1)), 1.0, "next", 0)
    assert noisy.tolist() == ["cat", "cow", "dog", "bear"]


def test_another_seed_is_another_noise_and_no_draw_of_labels() -> None:
    from simcore.supervised import draw_share

    labels = labels_of({"bear": 200, "cat": 200})
    first, second = ((plant_noise(labels, 0.5, seed=seed) != labels) for seed in (0, 1))
    assert 120 < (first & second).sum() * 2 < 280
    # The images of a share of the labels are not those that the noise prefers.
    drawn = draw_share(pd.DataFrame({"key": labels.index, "label": labels.to_numpy()}), share=0.5, seed=0)["key"]
    assert 60 < first[drawn].sum() < 140


@pytest.mark.parametrize(
    ("labels", "share", "kind", "sentence"),
    [
        (labels_of({"cat": 2, "dog": 1}), 1.5, "symmetric", "`share` is 1.5"),
        (labels_of({"cat": 2, "dog": 1}), 0.5, "odd", "`kind` is 'odd'; allowed are symmetric, next"),
        (labels_of({"cat": 2}), 0.5, "symmetric", "All labels are of the one class 'cat'"),
        (pd.Series({"a": "cat", "b": None}), 0.5, "symmetric", "Image 'b' has no label"),
    ],
)
def test_wrong_noise(labels, share, kind, sentence) -> None:
    with pytest.raises(InputError, match=sentence):
        plant_noise(labels, share, kind)
