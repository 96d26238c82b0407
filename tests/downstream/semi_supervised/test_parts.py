"""Sharpening, MixUp, interleaving, alignment, thresholds: against closed forms and slow twins."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from simcore.downstream.semi_supervised import align, class_shares, draw_shares, mix, sharpen
from simcore.downstream.semi_supervised.interleaving import interleave, join, still_statistics
from simcore.downstream.semi_supervised.thresholds import flexible_thresholds, learning_status

rows_of_probabilities = st.lists(st.floats(0.01, 1), min_size=2, max_size=6).map(
    lambda row: torch.tensor([row], dtype=torch.float64) / sum(row)
)


@given(rows=rows_of_probabilities, temperature=st.floats(0.1, 3))
def test_sharpening_is_a_power_made_to_sum_to_one(rows, temperature):
    powers = [value ** (1 / temperature) for value in rows[0].tolist()]
    expected = torch.tensor([[power / sum(powers) for power in powers]], dtype=torch.float64)
    torch.testing.assert_close(sharpen(rows, temperature=temperature), expected)


def test_sharpening_of_a_softmax_divides_its_logits_and_does_not_underflow():
    logits = torch.randn(4, 500) * 30
    torch.testing.assert_close(
        sharpen(logits.softmax(dim=1).clamp(min=1e-37), temperature=1.0).sum(dim=1), torch.ones(4)
    )
    few = torch.randn(4, 5)
    torch.testing.assert_close(sharpen(few.softmax(dim=1), temperature=0.5), (few / 0.5).softmax(dim=1))
    tiny = torch.tensor([[1e-30, 2e-30, 1.0]])
    assert torch.isfinite(sharpen(tiny, temperature=0.1)).all()


def test_shares_are_the_larger_of_a_beta_draw_and_its_rest():
    """Their distribution: P(max(b, 1 - b) <= s) = F(s) - F(1 - s)."""
    torch.manual_seed(0)
    drawn = draw_shares(20_000, beta=0.75).numpy()
    beta = stats.beta(0.75, 0.75)
    found = stats.kstest(drawn, lambda s: np.where(s < 0.5, 0, beta.cdf(s) - beta.cdf(1 - s)))
    assert found.pvalue > 1e-3
    torch.manual_seed(0)
    assert np.array_equal(draw_shares(20_000, beta=0.75).numpy(), drawn)


def test_mixing_goes_image_by_image():
    images, targets = torch.randn(5, 3, 2, 2), torch.eye(5)
    partners, shares = torch.tensor([3, 0, 2, 1, 4]), torch.tensor([0.5, 0.6, 0.7, 0.8, 1.0])
    mixed, soft = (mix(rows, partners=partners, shares=shares) for rows in (images, targets))
    for place in range(5):
        kept, other = shares[place].item(), partners[place].item()
        torch.testing.assert_close(mixed[place], kept * images[place] + (1 - kept) * images[other])
        torch.testing.assert_close(soft[place], kept * targets[place] + (1 - kept) * targets[other])
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(5))


@given(n=st.integers(1, 40), parts=st.integers(1, 6))
def test_interleaving_comes_back_and_shows_each_part_every_kind(n, parts):
    kinds = torch.arange(n * parts) // n  # one after another, n of each
    cut = interleave(kinds, parts=parts)
    assert torch.equal(join(cut), kinds)
    assert {len(part) for part in cut} == {n}
    for part in cut:
        counts = torch.bincount(part, minlength=parts)
        assert counts.max() - counts.min() <= 1


def test_statistics_stand_still_inside_alone():
    layer = nn.BatchNorm2d(3, momentum=0.3)
    images = torch.randn(4, 3, 2, 2) + 5
    with still_statistics(nn.Sequential(nn.Identity(), layer)):
        inside = layer(images)
        assert torch.equal(layer.running_mean, torch.zeros(3))
        assert torch.equal(layer.running_var, torch.ones(3))
    torch.testing.assert_close(inside.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    assert layer.momentum == 0.3
    torch.testing.assert_close(layer(images), inside)
    torch.testing.assert_close(layer.running_mean, 0.3 * images.mean(dim=(0, 2, 3)))


def test_class_shares_count_labelled_images():
    assert class_shares(np.array([2, 0, 2, 2]), class_count=4) == (0.25, 0.0, 0.75, 0.0)


@given(rows=rows_of_probabilities, seed=st.integers(0, 99))
def test_alignment_scales_and_sums_to_one(rows, seed):
    generator = np.random.default_rng(seed)
    wanted, found = (torch.from_numpy(generator.dirichlet(np.ones(rows.shape[1]))) + 0.01 for _ in range(2))
    products = [p * (w + 1e-6) / (f + 1e-6) for p, w, f in zip(rows[0], wanted, found, strict=True)]
    expected = torch.stack(products)[None] / sum(products)
    torch.testing.assert_close(align(rows, wanted=wanted, found=found), expected)
    # Guesses whose mean is what is wanted stay as they are.
    torch.testing.assert_close(align(rows, wanted=found, found=found), rows)


def slow_status(chosen: list[int], class_count: int) -> list[float]:
    """As in the authors' code: a counter that has the unused images as one more class."""
    counter = Counter(chosen)
    most = max(counter.values())
    return [counter[number] / most for number in range(class_count)]


@given(chosen=st.lists(st.integers(-1, 4), min_size=1, max_size=30))
@settings(max_examples=200)
def test_the_learning_status_is_that_of_a_counter(chosen):
    found = learning_status(torch.tensor(chosen), class_count=5)
    np.testing.assert_allclose(found.numpy(), slow_status(chosen, 5), rtol=1e-6)


@pytest.mark.parametrize("status", [0.0, 0.2, 0.5, 1.0])
def test_thresholds_follow_the_convex_mapping(status):
    (found,) = flexible_thresholds(torch.tensor([status], dtype=torch.float64), threshold=0.95).tolist()
    assert found == pytest.approx(0.95 * status / (2 - status))
    assert found <= 0.95 * status or status in (0.0, 1.0)
