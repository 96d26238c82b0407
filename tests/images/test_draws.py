import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torchvision.transforms import v2

from simcore.images.draws import CHANGES, _draw_boxes, _uniforms, draw_views
from simcore.images.views import ViewSettings

PAPER = ViewSettings()
N = 3000


def draw(settings_: ViewSettings, size: tuple[int, int], n: int = N):
    keys = [str(number) for number in range(n)]
    return draw_views(((settings_, 1),), np.array([size] * n), seed=0, step=0, keys=keys)[0]


@given(
    first=st.integers(0, 5),
    seeds=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=3),
    place=st.integers(0, 63),
)
@settings(deadline=None)
def test_the_numbers_are_splitmix64s(first: int, seeds: list[int], place: int) -> None:
    """A twin in Python's whole numbers."""
    drawn = _uniforms(np.array(seeds, dtype=np.uint64), first, 2)
    for row, seed in enumerate(seeds):
        for view in range(2):
            bits = (seed + ((first + view) * 64 + place + 1) * 0x9E3779B97F4A7C15) % 2**64
            bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
            bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB % 2**64
            assert drawn[row, view, place] == ((bits ^ (bits >> 31)) >> 11) / 2**53


def slow_box(uniforms: np.ndarray, settings_: ViewSettings, height: int, width: int) -> tuple[int, int, int, int]:
    """Return top, left, height, width by torchvision's `RandomResizedCrop.make_params`, step for step."""
    (low, high), (narrow, wide) = settings_.scale, settings_.ratio
    for attempt in range(10):
        area = height * width * (low + (high - low) * uniforms[attempt])
        ratio = math.exp(math.log(narrow) + (math.log(wide) - math.log(narrow)) * uniforms[10 + attempt])
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return int(uniforms[20] * (height - h + 1)), int(uniforms[21] * (width - w + 1)), h, w
    w, h = width, height
    if width / height < narrow:
        h = round(w / narrow)
    elif width / height > wide:
        w = round(h * wide)
    return (height - h) // 2, (width - w) // 2, h, w


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    low=st.floats(0.05, 1),
    seed=st.integers(0, 2**64 - 1),
)
@settings(deadline=None, max_examples=200)
def test_boxes_follow_torchvisions_steps(height: int, width: int, low: float, seed: int) -> None:
    settings_ = ViewSettings(scale=(low, 1.0))
    uniforms = _uniforms(np.array([seed], dtype=np.uint64), 0, 3)
    boxes = _draw_boxes(uniforms, settings_, sizes=np.array([[height, width]]))[0]
    for view in range(3):
        assert tuple(boxes[view]) == slow_box(uniforms[0, view], settings_, height, width)
    top, left, h, w = boxes.T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + h <= height).all()
    assert (left + w <= width).all()
    assert (np.minimum(h, w) > 0).all()


@pytest.mark.parametrize("size", [(60, 60), (40, 90), (20, 200)])
@pytest.mark.parametrize("scale", [(0.2, 1.0), (0.05, 0.2)])
def test_boxes_are_distributed_as_torchvisions(size: tuple[int, int], scale: tuple[float, float]) -> None:
    transform = v2.RandomResizedCrop(8, scale=scale)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = [transform.make_params([torch.empty(3, *size)]) for _ in range(N)]
    ours = draw(ViewSettings(scale=scale), size).boxes[:, 0]
    for column, name in enumerate(("top", "left", "height", "width")):
        assert stats.ks_2samp(ours[:, column], [params[name] for params in theirs]).pvalue > 1e-3, name


def test_probabilities_factors_and_orders() -> None:
    drawn = draw(PAPER, (30, 40))
    for count, probability in ((drawn.flip, 0.5), (drawn.jitter, 0.8), (drawn.grey, 0.2)):
        assert stats.binomtest(int(count.sum()), N, probability).pvalue > 1e-3
    for column, (low, width) in enumerate(((0.2, 1.6), (0.2, 1.6), (0.2, 1.6), (-0.2, 0.4))):
        factors = drawn.factors[:, 0, column]
        assert stats.kstest(factors, stats.uniform(low, width).cdf).pvalue > 1e-3, CHANGES[column]
    assert (np.sort(drawn.order, axis=-1) == np.arange(4)).all()
    _, counts = np.unique(drawn.order[:, 0], axis=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-3
    together = stats.contingency.crosstab(drawn.flip[:, 0], drawn.grey[:, 0]).count
    assert stats.chi2_contingency(together).pvalue > 1e-3


def test_brightness_is_never_negative() -> None:
    assert draw(ViewSettings(brightness=3.0), (9, 9)).factors[..., 0].min() >= 0


def test_views_and_groups_draw_apart() -> None:
    groups = ((PAPER, 2), (PAPER, 3))
    drawn = draw_views(groups, np.array([[99, 99]]), seed=0, step=0, keys=["a"])
    factors = np.concatenate([draws.factors[0] for draws in drawn])
    assert factors.shape == (5, 4)
    assert len(np.unique(factors[:, 0])) == 5
    alone = draw_views(((PAPER, 5),), np.array([[99, 99]]), seed=0, step=0, keys=["a"])[0]
    np.testing.assert_array_equal(alone.factors[0], factors)


def test_pinned() -> None:
    drawn = draw_views(((PAPER, 2),), np.array([[40, 50]]), seed=7, step=1, keys=["wren.jpg"])[0]
    assert drawn.boxes[0].tolist() == [[3, 19, 27, 31], [5, 17, 32, 31]]
    assert drawn.order[0].tolist() == [[1, 3, 2, 0], [2, 3, 1, 0]]
    assert drawn.factors[0, :, 0].tolist() == [np.float32(0.6213194727897644), np.float32(0.38366684317588806)]
