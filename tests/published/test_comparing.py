"""Measured numbers beside the published ones."""

import numpy as np
import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.published import compare_with_published, published_results


def record(**changed):
    return {
        "dataset": "pets", "method": "simclr", "encoder": "resnet50", "arm": "x", "evaluation": "linear",
        "metric": "mean_per_class", "protocol": "published", "value": 0.6, "seed": 0, "n": 3669, **changed,
    }  # fmt: skip


def compare(*records) -> list[dict]:
    return compare_with_published(pd.DataFrame(list(records))).to_dict("records")


def test_a_run_as_in_the_paper_has_nothing_to_say() -> None:
    (row,) = compare(record(image_size=224, fairness="paper"))
    assert (row["table"], row["published"], row["n_seeds"]) == ("main", 59.23, 1)
    assert row["ours"] == pytest.approx(60)
    assert row["difference"] == pytest.approx(0.77)
    assert row["protocol_differences"] == ""


def test_what_differs_is_said() -> None:
    runs = [record(protocol="clean", seed=seed, value=0.5 + seed / 50, image_size=32) for seed in range(5)]
    (row,) = compare(*({**run, "n": 1200, "fairness": "equal_compute"} for run in runs))
    assert row["ours"] == pytest.approx(54)
    assert row["protocol_differences"] == (
        "Clean instead of published; image size 32 instead of 224; equal compute instead of the paper's epochs; "
        "1,200 test images instead of 3,669; 5 seeds instead of 1."
    )


@pytest.mark.parametrize(
    ("changed", "published", "differences"),
    [
        ({"arm": "simcore", "tau": 0.95, "openset": "imagenet"}, 79.66, ""),
        ({"arm": "simcore", "tau": 0.99, "openset": "imagenet"}, 79.8, ""),
        ({"arm": "simcore_tau_90"}, 79.7, ""),
        ({"arm": "simcore_1pct"}, 77.13, ""),
        ({"arm": "simcore", "ratio_percent": 5.0}, 81.75, ""),
        ({"arm": "simcore_k1_5pct", "tau": 0.95}, 80.20, ""),
        ({"arm": "random_1pct", "openset": "coco"}, 64.27, "Open-set coco instead of imagenet."),
        ({"arm": "simcore", "tau": 0.8}, 77.13, "Tau 0.8 instead of 1 % of the open-set."),
        ({"arm": "random", "tau": 0.95}, 64.27, "Tau 0.95 instead of 1 % of the open-set."),
        ({"arm": "x", "openset": "coco"}, 59.23, ""),
        ({"arm": "oracle"}, 80.73, ""),
        ({"arm": "x_matched"}, 60.80, ""),
    ],
)
def test_the_closest_number_is_taken(changed, published, differences) -> None:
    (row,) = compare(record(**changed))
    assert row["published"] == published
    assert row["protocol_differences"] == differences


DRAWN = "test images drawn from the training images instead of the official ones"
CARS = {"dataset": "cars", "arm": "simcore", "metric": "top1", "n": 8041}


@pytest.mark.parametrize(
    ("changed", "published"),
    [
        ({"evaluation": "knn", "metric": "top1", "protocol": "clean k=20"}, 52.0),
        ({"evaluation": "knn", "metric": "top1", "protocol": "clean k=200"}, 51.8),
        ({"evaluation": "finetune", "protocol": "published 20 % of labels"}, 58.7),
        ({"evaluation": "finetune", "protocol": "published 100 % of labels"}, 78.24),
        ({"evaluation": "semi_supervised", "protocol": "published fixmatch 10 % of labels"}, 52.8),
        ({"evaluation": "semi_supervised", "protocol": "published flexmatch 10 % of labels"}, 54.9),
        ({"evaluation": "active_learning", "protocol": "published badge 30 % of labels", "arm": "simcore"}, 75.2),
        ({**CARS, "evaluation": "webly", "protocol": "published dividemix 100 % of labels"}, 56.5),
        ({**CARS, "evaluation": "openset_semi_supervised", "protocol": "published openmatch 50 % of labels"}, 89.5),
        ({"evaluation": "segmentation", "metric": "iou_bg"}, 82.0),
        ({"dataset": "cars", "evaluation": "detection", "metric": "map50", "n": 8041}, 40.0),
        ({"dataset": "aircraft", "evaluation": "attribute_family", "metric": "mean_per_class_published"}, 40.4),
        ({"method": "dino", "encoder": "vit_tiny_16"}, 42.4),
    ],
)
def test_evaluations_find_their_tables(changed, published) -> None:
    (row,) = compare(record(**changed))
    assert row["published"] == published
    assert row["protocol_differences"] == ""


@pytest.mark.parametrize(
    "changed",
    [
        {"dataset": "quadrupeds"},
        {"encoder": "resnet10_small"},
        {"arm": "given"},
        {"metric": "top1"},
        {"metric": "top5"},
        {"evaluation": "knn", "metric": "top1", "protocol": "clean k=5"},
        {"evaluation": "finetune", "protocol": "clean 30 % of labels"},
        {"evaluation": "semi_supervised", "protocol": "clean supervised 10 % of labels"},
        {"evaluation": "semi_supervised", "protocol": "clean fixmatch 20 % of labels"},
        {"evaluation": "label_free", "metric": "uniformity", "value": -2.0},
    ],
)
def test_what_matches_nothing_is_left_out(changed) -> None:
    matched = record()
    assert len(compare(matched, record(**{**changed, "seed": 1}))) == 1
    nothing = compare_with_published(pd.DataFrame([record(**changed)]))
    assert nothing.empty
    assert list(nothing.columns) == list(compare_with_published(pd.DataFrame([matched])).columns)


@pytest.mark.parametrize(
    ("further", "differences"),
    [
        ("", "Clean instead of published."),
        (", ensemble", "Clean instead of published; ensemble."),
        (", 40 % planted noise, network 2", "Clean instead of published; 40 % planted noise, network 2."),
        (" - drawn test", f"Clean instead of published; {DRAWN}."),
        (", ensemble - drawn test", f"Clean instead of published; {DRAWN}; ensemble."),
    ],
)
def test_what_a_protocol_says_of_the_learner_is_told(further, differences) -> None:
    (row,) = compare(record(**CARS, evaluation="webly", protocol=f"clean co_teaching 100 % of labels{further}"))
    assert (row["published"], row["protocol_differences"]) == (57.0, differences)


def test_a_table_can_be_named() -> None:
    rows = compare(*(record(arm="simcore", table=table) for table in ("main", "13", "3")))
    assert [(row["table"], row["published"]) for row in rows] == [("main", 77.13), ("13", 79.8)]


def test_the_recipe_decides_between_fine_tunings() -> None:
    tuned = {"dataset": "cars", "arm": "simcore", "evaluation": "finetune", "metric": "top1", "n": 8041}
    for recipe, published in (("authors", 81.6), ("long", 80.1)):
        (row,) = compare(record(**tuned, protocol="published 50 % of labels", recipe=recipe))
        assert (row["published"], row["protocol_differences"]) == (published, "")


def test_flags_come_along() -> None:
    deflated = {"evaluation": "attribute_family", "metric": "mean_per_class_published"}
    rows = compare(record(), record(dataset="aircraft", n=3333, **deflated))
    assert pd.isna(rows[0]["flag"])
    assert rows[1]["flag"] == "probably a sum over classes divided by 100"


def test_the_published_numbers_match_themselves() -> None:
    published = published_results()
    published = published[published["metric"].isin(["accuracy", "mAP", "IoU_fg"]) & published["table"].eq("main")]
    runs = published.drop(columns=["metric", "recipe", "neighbours", "labels_percent"]).rename(
        columns={"our_metric": "metric"}
    )
    runs = runs.assign(value=runs["value"] / 100, protocol="published", seed=0)
    compared = compare_with_published(runs)
    assert len(compared) == len(published) == 110
    assert np.allclose(compared["difference"], 0)
    assert set(compared["protocol_differences"]) == {""}


def test_the_order_of_records_does_not_matter() -> None:
    runs = pd.DataFrame([record(arm=arm, seed=seed, value=0.5) for arm in ("x", "os") for seed in range(3)])
    by_arm = [compare_with_published(each).set_index("arm").sort_index() for each in (runs, runs[::-1])]
    pd.testing.assert_frame_equal(*by_arm)


def test_a_missing_column_stops() -> None:
    with pytest.raises(InputError, match="lack encoder, protocol; published numbers are found by"):
        compare_with_published(pd.DataFrame([record()]).drop(columns=["encoder", "protocol"]))


def test_per_cent_instead_of_shares_stop() -> None:
    with pytest.raises(InputError, match="linear mean_per_class of the arm x is 60; values are shares from 0 to 1"):
        compare(record(value=60))


def test_a_drawn_test_part_is_said_to_differ() -> None:
    run = {"dataset": "pets", "method": "simclr", "encoder": "resnet50", "arm": "x", "evaluation": "linear"}
    run |= {"metric": "mean_per_class", "value": 0.6, "seed": 0}
    said = {
        protocol: compare_with_published(pd.DataFrame([{**run, "protocol": protocol}]))["protocol_differences"].item()
        for protocol in ("published", "published - drawn test")
    }
    assert "drawn" not in said["published"] and "drawn" in said["published - drawn test"]
