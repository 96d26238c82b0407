import numpy as np
import pandas as pd
import pytest

from simcore.embeddings import write_embeddings
from simcore.errors import InputError
from simcore.selection import select_by_label, select_random


def test_random_is_uniform_without_replacement():
    counts = np.zeros(20)
    for seed in range(2000):
        chosen = select_random(np.eye(20), budget=5, seed=seed).indices
        assert len(set(chosen)) == 5
        counts[chosen] += 1
    # 500 expected each, standard deviation 19.
    assert counts.min() > 400
    assert counts.max() < 600


def test_random_is_the_same_for_the_same_seed_and_any_kind_of_input(tmp_path):
    openset = np.eye(50)
    keys = [f"{i:02d}" for i in range(50)]
    write_embeddings(tmp_path / "e", keys, openset)
    expected = select_random(openset, budget=9, seed=3).indices.tolist()
    for given in (tmp_path / "e", [openset[:20], openset[20:]], iter([openset])):
        assert select_random(given, budget=9, seed=3).indices.tolist() == expected
    assert select_random(openset, budget=9, seed=4).indices.tolist() != expected
    assert select_random(tmp_path / "e", budget=9, seed=3).keys.tolist() == [keys[i] for i in expected]


def test_random_draws_a_share_or_the_cap_and_ends_with_the_pool():
    assert len(select_random(np.eye(40), budget=0.1)) == 4
    assert len(select_random(np.ones((400, 1)), n_target=2)) == 100
    run = select_random(np.eye(4), budget=9)
    assert (len(run), run.stopped_by) == (4, "exhausted")


def test_excluded_images_are_not_taken(tmp_path):
    run = select_random(np.eye(10), budget=10, exclude=[1, 2])
    assert sorted(run.indices) == [0, 3, 4, 5, 6, 7, 8, 9]
    assert run.certificate.n_excluded == 2
    keys = list("abcdefghij")
    assert set(select_random(np.eye(10), keys=keys, budget=10, exclude=["a"]).keys) == set(keys[1:])
    labelled = select_by_label(np.eye(4), list("xyxx"), classes=["x"], exclude=[0])
    assert labelled.indices.tolist() == [2, 3]


def test_by_label_takes_all_images_of_the_classes():
    labels = pd.Series(["jeep", None, "cab", "jeep", "cat"])
    run = select_by_label(np.eye(5), labels, classes=["jeep", "cab"])
    assert run.indices.tolist() == [0, 2, 3]
    assert run.stopped_by == "exhausted"
    assert run.rounds is run.centroids is run.similarities is None
    assert run.coreset_frame()["round"].isna().all()
    assert select_by_label(np.eye(3), [4, 5, 4], classes=[4]).indices.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: select_random(np.eye(3)), "`budget` and `n_target` are both None"),
        (lambda: select_random(np.eye(3), budget=0), "`budget` is 0"),
        (lambda: select_random([], budget=1), "`openset` has 0 rows"),
        (lambda: select_random(np.eye(3), budget=1, exclude=["a"]), "has no keys"),
        (lambda: select_by_label(np.eye(3), ["a"], classes=["a"]), "`labels` has 1 entries"),
        (lambda: select_by_label(np.eye(1), ["a"], classes=[]), "`classes` is empty"),
        (lambda: select_by_label(np.eye(1), ["a"], classes=["a", "b"]), "No image has the label 'b'"),
    ],
)
def test_wrong_input_says_what_to_change(call, message):
    with pytest.raises(InputError, match=message):
        call()
