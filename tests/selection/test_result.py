import json
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from simcore.embeddings import write_embeddings
from simcore.errors import ArtefactError, InputError
from simcore.selection import Selection, StopRule, select_by_label, select_coreset, select_random


@pytest.fixture
def run(rng):
    openset, centroids = np.abs(rng.normal(size=(80, 5))), np.abs(rng.normal(size=(6, 5)))
    keys = [f"{i:02d}" for i in rng.permutation(80)]
    return select_coreset(centroids, openset, keys=keys, budget=33, stop=StopRule.paper(0.5))


def equal(left, right):
    assert left.coreset_frame().equals(right.coreset_frame())
    assert left.trace.equals(right.trace)
    assert left.certificate == right.certificate
    for name in ("indices", "keys", "rounds", "centroids", "scores", "sources"):
        one, other = getattr(left, name), getattr(right, name)
        assert (one is None) == (other is None), name
        assert one is None or (one.tolist() == other.tolist() and one.dtype.kind == other.dtype.kind), name


def test_what_is_saved_comes_back(run, tmp_path):
    for number, selection in enumerate(
        [
            run,
            run.with_source("imagenet"),
            select_random(np.eye(9), budget=4),
            select_random(np.eye(2), keys=["a", "b"], budget=2),
            select_by_label(np.eye(3), ["x", "y", "x"], classes=["x"]),
        ]
    ):
        selection.save(tmp_path / str(number))
        equal(Selection.load(tmp_path / str(number)), selection)


def test_the_artefacts_are_what_the_contract_says(run, tmp_path):
    run.with_source("imagenet").save(tmp_path)
    coreset = pd.read_parquet(tmp_path / "coreset.parquet")
    assert coreset.columns.tolist() == ["key", "position", "round", "centroid", "similarity", "source"]
    assert coreset["key"].tolist() == run.keys.tolist()
    assert (coreset["source"] == "imagenet").all()
    trace = pd.read_parquet(tmp_path / "trace.parquet")
    assert trace.columns.tolist() == ["round", "value", "ratio", "n_new", "n_total", "kept"]
    certificate = json.loads((tmp_path / "certificate.json").read_text())
    assert certificate["exact"] is True
    assert certificate["stopped_by"] == run.stopped_by
    assert {"centroids", "openset"} <= certificate["fingerprints"].keys()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "certificate.json",
        "coreset.parquet",
        "trace.parquet",
    ]


def test_frames_rebuild_a_selection(run):
    equal(Selection.from_tables(run.coreset_frame(), run.trace, run.certificate), run)
    through_json = json.loads(json.dumps(run.certificate.to_dict()))
    equal(Selection.from_tables(run.coreset_frame(), run.trace, through_json), run)


def test_an_empty_coreset_comes_back(tmp_path, rng):
    # A threshold of 1 fails in round 2 at the latest; keeping nothing needs a budget that was met by nothing.
    openset, centroids = np.abs(rng.normal(size=(20, 3))), np.abs(rng.normal(size=(2, 3)))
    run = select_coreset(centroids, openset, stop=StopRule.paper(1.0))
    empty = Selection.from_tables(run.coreset_frame().iloc[:0], run.trace.iloc[:0], run.certificate)
    empty.save(tmp_path)
    assert len(Selection.load(tmp_path)) == 0


def test_arrays_have_the_promised_types(run):
    assert run.indices.dtype == np.int64
    assert run.rounds.dtype == np.int32
    assert run.centroids.dtype == np.int32
    assert run.similarities.dtype == np.float32
    assert run.keys.dtype.kind == "U"
    assert "33 of 80 images" in repr(run)


def test_the_trace_holds_the_failing_round(rng):
    openset, centroids = np.abs(rng.normal(size=(80, 5))), np.abs(rng.normal(size=(6, 5)))
    dropped = select_coreset(centroids, openset, stop=StopRule.paper(0.97))
    kept = select_coreset(centroids, openset, stop=StopRule.paper(0.97, keep_failing_round=True))
    assert dropped.stopped_by == kept.stopped_by == "threshold"
    assert dropped.trace["kept"].tolist() == [True] * (len(dropped.trace) - 1) + [False]
    assert kept.trace["kept"].all()
    last = dropped.trace.iloc[-1]
    assert last["ratio"] < 0.97 <= dropped.trace["ratio"].iloc[-2]
    assert last["n_total"] == len(dropped) == dropped.trace["n_total"].iloc[-2]
    assert len(kept) == len(dropped) + last["n_new"]
    assert dropped.indices.tolist() == kept.indices[: len(dropped)].tolist()


def test_the_ratio_refers_to_the_reference_round(rng):
    openset, centroids = np.abs(rng.normal(size=(300, 5))), np.abs(rng.normal(size=(4, 5)))
    trace = select_coreset(centroids, openset, budget=150, stop=StopRule.authors(0.5)).trace
    assert trace["ratio"].iloc[19] == 1
    assert (trace["ratio"].iloc[:19] >= 1).all()
    short = select_coreset(centroids, openset, budget=10, stop=StopRule.authors(0.5)).trace
    assert short["ratio"].isna().all()


def test_by_centroid_counts_every_image_once(run):
    table = run.by_centroid()
    assert table["n_images"].sum() == len(run)
    assert (table["first_similarity"] >= table["last_similarity"]).all()
    for row in table.itertuples():
        own = run.centroids == row.centroid
        assert row.n_images == own.sum()
        assert row.first_round == run.rounds[own].min()
        assert row.last_round == run.rounds[own].max()
        assert row.mean_similarity == pytest.approx(run.scores[own].mean())
    with pytest.raises(InputError, match="has no centroids"):
        select_random(np.eye(3), budget=1).by_centroid()


def test_missing_files_and_columns_are_named(run, tmp_path):
    with pytest.raises(InputError, match=r"has no `coreset.parquet`"):
        Selection.load(tmp_path)
    with pytest.raises(ArtefactError, match="no column round"):
        Selection.from_tables(run.coreset_frame().drop(columns="round"), run.trace, run.certificate)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"stopped_by": None}, "stopped_by"), ({"passes": "3"}, "passes"), ({"more": 1}, "more"), ({"exact": 1}, "exact")],
)
def test_a_certificate_that_says_something_else_is_refused(run, tmp_path, change, words):
    run.save(tmp_path)
    told = json.loads((tmp_path / "certificate.json").read_text())
    (tmp_path / "certificate.json").write_text(json.dumps(told | change))
    with pytest.raises(ArtefactError, match=f"cannot be read .1 validation error for Certificate {words} "):
        Selection.load(tmp_path)


def test_a_save_that_stops_half_way_leaves_no_mixture(run, tmp_path, monkeypatch):
    run.save(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(type(run.certificate), "to_dict", mock.Mock(side_effect=OSError("killed here")))
        run.save(tmp_path)
    with pytest.raises(InputError, match=r"has no `certificate\.json`"):
        Selection.load(tmp_path)


def test_fingerprints_tell_inputs_apart(rng, tmp_path):
    openset, centroids = rng.normal(size=(20, 3)), rng.normal(size=(2, 3))
    keys = [f"{i:02d}" for i in range(20)]
    one = select_coreset(centroids, openset, budget=3).certificate.fingerprints
    assert one == select_coreset(centroids, openset.copy(), budget=3).certificate.fingerprints
    changed = openset.copy()
    changed[4] += 1
    assert one["openset"] != select_coreset(centroids, changed, budget=3).certificate.fingerprints["openset"]
    assert one["centroids"] != select_coreset(centroids + 1, openset, budget=3).certificate.fingerprints["centroids"]
    write_embeddings(tmp_path / "a", keys, openset, metadata={"encoder": "first"})
    write_embeddings(tmp_path / "b", keys, openset, metadata={"encoder": "second"})
    first, second = (
        select_coreset(centroids, tmp_path / name, budget=3).certificate.fingerprints["openset"] for name in "ab"
    )
    assert (first["encoder"], second["encoder"], first["rows"]) == ("first", "second", 20)
    assert first["sha256_of_shard_list"] != second["sha256_of_shard_list"]
