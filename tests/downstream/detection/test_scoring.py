"""Average precision against cases worked out by hand, and against an obvious slow twin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.downstream.detection import Found, Objects, coco_precision, integrated_precision, score_records
from simcore.errors import InputError

BOX = (10.0, 10.0, 109.0, 109.0)


def true(*boxes, classes=None):
    return Objects(np.array(boxes, dtype=float).reshape(-1, 4), np.array(classes or [0] * len(boxes)), 300, 300)


def found(*boxes, scores=None, classes=None):
    scores = scores or [1 - 0.1 * row for row in range(len(boxes))]
    return Found(np.array(boxes, dtype=float).reshape(-1, 4), np.array(scores), np.array(classes or [0] * len(boxes)))


def test_the_same_boxes_are_perfect() -> None:
    for score in (coco_precision, integrated_precision):
        assert score([found(BOX), found(BOX)], [true(BOX), true(BOX)]) == pytest.approx({"map": 1, "map50": 1})


def test_overlaps_decide_how_many_of_ten_thresholds_count() -> None:
    # 100 of 100 columns and 72 of 100 rows: an overlap of 0.72 with the last pixel, 71 / 99 = 0.717 without. Above 0.5,
    # 0.55, 0.6, 0.65 and 0.7, below the five others.
    shorter = (10.0, 10.0, 109.0, 81.0)
    for score in (coco_precision, integrated_precision):
        assert score([found(shorter)], [true(BOX)]) == pytest.approx({"map": 0.5, "map50": 1})


def test_the_last_pixel_counts_in_the_published_way_alone() -> None:
    # 3 x 3 pixels by their edges, 4 x 4 with the last pixel; half as high: 3 / 9 without, 8 / 16 with it.
    small, half = (0.0, 0.0, 3.0, 3.0), (0.0, 0.0, 3.0, 1.0)
    assert integrated_precision([found(half)], [true(small)])["map50"] == 1
    assert coco_precision([found(half)], [true(small)])["map50"] == 0


def test_coordinates_are_rounded_in_the_published_way_alone() -> None:
    near = (10.4, 9.6, 109.4, 108.6)
    assert integrated_precision([found(near)], [true(BOX)])["map"] == 1
    assert coco_precision([found((0.0, 0.0, 1.6, 1.0))], [true((0.0, 0.0, 1.0, 1.0))])["map"] < 1


def test_a_wrong_box_before_the_right_one() -> None:
    # Precision 1/2 at recall 1, whichever way the curve is read.
    wrong = (200.0, 200.0, 250.0, 250.0)
    for score in (coco_precision, integrated_precision):
        assert score([found(wrong, BOX)], [true(BOX)])["map50"] == pytest.approx(0.5)
        assert score([found(BOX, wrong)], [true(BOX)])["map50"] == pytest.approx(1)


def test_a_second_box_on_the_same_object_is_wrong() -> None:
    # Right, wrong (twice the same), right: precision 1 up to recall 1/2, then 2/3. The area is (1 + 2/3) / 2; COCO
    # reads 51 of its 101 recalls (0 to 0.5) at 1 and 50 at 2/3.
    other = (150.0, 150.0, 249.0, 249.0)
    images = [found(BOX, BOX, other)], [true(BOX, other)]
    assert integrated_precision(*images)["map50"] == pytest.approx((1 + 2 / 3) / 2)
    assert coco_precision(*images)["map50"] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_what_is_not_found_and_classes_confused() -> None:
    for score in (coco_precision, integrated_precision):
        assert score([found()], [true(BOX)]) == {"map": 0, "map50": 0}
        # Class 0 is found, class 1 taken for 0 with less certainty, class 2 is nowhere: (1 + 0) / 2 classes.
        images = [found(BOX), found(BOX, scores=[0.5])], [true(BOX), true(BOX, classes=[1])]
        assert score(*images)["map50"] == pytest.approx(0.5)


def test_an_image_that_shows_nothing_has_wrong_boxes_alone() -> None:
    images = [found(BOX, scores=[0.9]), found(BOX, scores=[0.8])], [true(), true(BOX)]
    for score in (coco_precision, integrated_precision):
        assert score(*images)["map50"] == pytest.approx(0.5)


def slow_precision(found_, true_, threshold):
    """One class; box by box in order of score, as the development kit does it."""
    count = sum(len(each.boxes) for each in true_)
    rows = [(-s, i, j) for i, each in enumerate(found_) for j, s in enumerate(each.scores)]
    taken, right = set(), []
    for _, image, row in sorted(rows):
        box = np.rint(found_[image].boxes[row])
        best, where = 0.0, None
        for number, other in enumerate(np.rint(true_[image].boxes)):
            w = min(box[2], other[2]) - max(box[0], other[0]) + 1
            h = min(box[3], other[3]) - max(box[1], other[1]) + 1
            if w <= 0 or h <= 0:
                continue
            areas = [(b[2] - b[0] + 1) * (b[3] - b[1] + 1) for b in (box, other)]
            overlap = w * h / (areas[0] + areas[1] - w * h)
            if overlap > best:
                best, where = overlap, (image, number)
        hit = best >= threshold and where not in taken
        if hit:
            taken.add(where)
        right.append(hit)
    hits, points = 0, []
    for number, hit in enumerate(right, start=1):
        hits += hit
        points.append((hits / count, hits / number))
    area, last = 0.0, 0.0
    for recall in sorted({r for r, _ in points}):
        area += (recall - last) * max(p for r, p in points if r >= recall)
        last = recall
    return area


@given(seed=st.integers(0, 10_000))
def test_the_published_way_is_its_slow_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def boxes(count):
        corners = rng.uniform(0, 30, (count, 2))
        return np.column_stack([corners, corners + rng.uniform(4, 30, (count, 2))])

    images = int(rng.integers(1, 4))
    true_ = [true(*boxes(int(rng.integers(1, 4)))) for _ in range(images)]
    seen = [boxes(int(rng.integers(0, 6))) for _ in range(images)]
    found_ = [Found(each, rng.permutation(len(each)) + rng.uniform(0, 1), np.zeros(len(each), int)) for each in seen]
    slow = [slow_precision(found_, true_, threshold) for threshold in np.linspace(0.5, 0.95, 10).round(2)]
    fast = integrated_precision(found_, true_)
    assert fast["map50"] == pytest.approx(slow[0])
    assert fast["map"] == pytest.approx(np.mean(slow))


def test_records_carry_their_protocol() -> None:
    records = score_records([found(BOX)], [true(BOX)])
    assert [(each["metric"], each["protocol"]) for each in records] == [
        ("map", "clean"),
        ("map50", "clean"),
        ("map", "published"),
        ("map50", "published"),
    ]
    assert all(each["evaluation"] == "detection" and each["n"] == 1 for each in records)
    with pytest.raises(InputError, match="`found` is of 1 images and `true` of 1, 0 boxes in all"):
        score_records([found(BOX)], [true()])
