import numpy as np
import pytest

from simcore.embeddings import write_embeddings
from simcore.errors import InputError
from simcore.selection import Selection, nearest_targets, select_coreset, select_random

from .oracle import exact_similarities


@pytest.fixture
def world(rng):
    target, openset = rng.normal(size=(30, 6)), rng.normal(size=(90, 6)).astype(np.float16)
    keys = [f"{i:02d}" for i in range(90)]
    return target, openset, keys, select_coreset(target[:5], openset, keys=keys, budget=20)


def test_an_image_is_explained_by_key_and_by_position(world):
    target, openset, _, run = world
    why = run.explain(str(run.keys[7]), target)
    assert (why.key, why.index) == (run.keys[7], run.indices[7])
    assert (why.round, why.centroid, why.similarity) == (run.rounds[7], run.centroids[7], run.scores[7])
    similarities = exact_similarities(target, openset[[why.index]])[:, 0]
    assert why.nearest["target"].tolist() == np.argsort(-similarities, kind="stable")[:5].tolist()
    assert why.nearest["similarity"].tolist() == np.sort(similarities)[::-1][:5].tolist()
    assert why.nearest["rank"].tolist() == [1, 2, 3, 4, 5]
    assert run.explain(int(run.indices[7]), target).nearest.equals(why.nearest)


def test_a_loaded_selection_asks_for_the_embeddings(world, tmp_path):
    target, openset, keys, run = world
    run.save(tmp_path / "run")
    loaded = Selection.load(tmp_path / "run")
    with pytest.raises(InputError, match="give `openset=`"):
        loaded.explain(str(run.keys[0]), target)
    write_embeddings(tmp_path / "target", [f"t{i:02d}" for i in range(30)], target)
    write_embeddings(tmp_path / "openset", keys, openset, rows_per_shard=7)
    why = loaded.explain(str(run.keys[0]), tmp_path / "target", openset=tmp_path / "openset", n_nearest=2)
    assert len(why.nearest) == 2
    assert why.nearest["target"].str.startswith("t").all()


def test_a_baseline_has_no_round_but_neighbours(world):
    target, openset, _, _ = world
    run = select_random(openset, budget=3)
    why = run.explain(int(run.indices[0]), target, n_nearest=1)
    assert (why.key, why.round, why.centroid, why.similarity) == (None, None, None, None)
    assert len(why.nearest) == 1


def test_an_image_outside_the_coreset_is_refused(world):
    target, openset, _, run = world
    outside = next(i for i in range(90) if i not in set(run.indices))
    with pytest.raises(InputError, match="not among the 20 picked images"):
        run.explain(outside, target)
    with pytest.raises(InputError, match="is a key, but this selection has no keys"):
        select_random(openset, budget=3).explain("07", target)


def test_nearest_targets_of_many_rows(world):
    target, openset, _, _ = world
    table = nearest_targets(openset, target, n_nearest=40)
    assert len(table) == 90 * 30
    assert (table.groupby("row")["similarity"].diff().dropna() <= 0).all()
    with pytest.raises(InputError, match="embed both with the same encoder"):
        nearest_targets(openset[:, :3], target)
