"""What the tests of this room share: records, images in memory, one whole report."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from simcore.reporting import (
    Gallery,
    Report,
    Section,
    Selection,
    Table,
    accuracy_figure,
    centroid_gallery,
    compare_arms,
    compare_pairs,
    composition_figure,
    coreset_purity,
    coreset_shares,
    curves_figure,
    describe_data,
    neighbour_gallery,
    rounds_gallery,
    state_answer,
    state_finding,
    trace_figure,
)

ARMS = ("x", "random", "simcore")
REFERENCES = ("raw_pixels", "random_network")
HOSTILE = '<script>alert("1")</script>&<img src=x onerror=alert(2)>'


class ArrayImages:
    """Images in memory, with what a gallery needs of an image store."""

    def __init__(self, keys: Sequence[str], *, size: tuple[int, int] = (6, 4)) -> None:
        self.keys = np.array(keys, dtype=str)
        self._pixels = np.random.default_rng(0).integers(0, 256, (len(self.keys), *size, 3), dtype=np.uint8)

    def __getitem__(self, index: int, /) -> np.ndarray:
        return self._pixels[index]


def record(arm: str, seed: int | None, value: float, **fields: Any) -> dict[str, Any]:
    """Return one metric record; `linear top1 clean` on 1,200 images unless told."""
    measure = {"evaluation": "linear", "metric": "top1", "protocol": "clean", "n": 1200}
    return {"arm": arm, "seed": seed, "value": value, **measure, **fields}


@pytest.fixture(name="record")
def fixture_record() -> Callable[..., dict[str, Any]]:
    return record


@pytest.fixture
def array_images() -> type[ArrayImages]:
    return ArrayImages


@pytest.fixture
def hostile() -> str:
    return HOSTILE


@pytest.fixture
def all_records() -> list[dict[str, Any]]:
    """What three arms, three seeds and two references give on a labelled target."""
    values = {"x": (0.78, 0.80, 0.81), "random": (0.78, 0.79, 0.78), "simcore": (0.80, 0.81, 0.80)}
    records = []
    for arm, per_seed in values.items():
        for seed, value in enumerate(per_seed):
            records += [
                record(arm, seed, value),
                record(arm, seed, value, metric="mean_per_class"),
                record(arm, seed, 3.16, metric="learning_rate"),
                record(arm, seed, value - 0.05, evaluation="knn", protocol="clean k=20"),
                record(arm, seed, -2.5 - value, evaluation="label_free", metric="uniformity", protocol="unit"),
                record(arm, seed, 30 * value, evaluation="label_free", metric="effective_rank", protocol="unit"),
            ]
    for arm, value in (("raw_pixels", 0.697), ("random_network", 0.565)):
        records += [record(arm, 0, value), record(arm, 0, value, metric="mean_per_class")]
    return records


@pytest.fixture
def pool() -> pd.DataFrame:
    """A labelled open-set of 40 images, one label and one key hostile."""
    labels = ["animal/cat"] * 10 + ["digit/4"] * 29 + [f"animal/{HOSTILE}"]
    keys = [f"pool/{number:02d}.png" for number in range(39)] + [f"pool/{HOSTILE}.png"]
    return pd.DataFrame(
        {"key": keys, "label": labels, "split": "train", "width": 4, "height": 6, "source": ["a", "b"] * 20}
    )


@pytest.fixture
def coreset(pool: pd.DataFrame) -> pd.DataFrame:
    """Six picks in three rounds of two centroids, the hostile image among them."""
    rows = [39, 0, 1, 2, 3, 20]
    return pd.DataFrame(
        {
            "key": pool["key"].iloc[rows].to_numpy(),
            "position": rows,
            "round": pd.array([1, 1, 2, 2, 3, 3], dtype="Int32"),
            "centroid": pd.array([1, 0, 1, 0, 1, 0], dtype="Int32"),
            "similarity": pd.array([0.99, 0.98, 0.9, 0.8, 0.7, 0.6], dtype="Float64"),
            "source": "a",
        }
    )


@pytest.fixture
def trace() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "round": [1, 2, 3, 4],
            "value": [0.9, 0.88, 0.87, 0.8],
            "ratio": [1.0, 0.978, 0.967, 0.889],
            "n_new": [2, 2, 2, 2],
            "n_total": [2, 4, 6, 6],
            "kept": [True, True, True, False],
        }
    )


@pytest.fixture
def published() -> pd.DataFrame:
    """A published number beside ours, and one of which every text is hostile."""
    row = {
        "table": "main", "dataset": "pets", "openset": None, "method": "simclr", "encoder": "resnet50", "arm": "x",
        "ratio_percent": math.nan, "tau": math.nan, "evaluation": "linear", "metric": "top1", "protocol": "clean",
        "n_seeds": 3, "published": 59.23, "ours": 58.5, "difference": -0.73,
        "protocol_differences": "Clean instead of published; 3 seeds instead of 1.", "flag": None,
    }  # fmt: skip
    told = ("evaluation", "metric", "protocol", "protocol_differences", "flag")
    texts = ("table", "dataset", "openset", "method", "encoder", "arm", *told)
    return pd.DataFrame([row, {**row, "ratio_percent": 1.0, **dict.fromkeys(texts, HOSTILE)}])


@pytest.fixture
def report(
    all_records: list[dict[str, Any]],
    pool: pd.DataFrame,
    coreset: pd.DataFrame,
    trace: pd.DataFrame,
    published: pd.DataFrame,
) -> Report:
    """A report with every part, and hostile text wherever text from outside arrives."""
    target = pd.DataFrame(
        {"key": [f"x/{n}" for n in range(5)], "label": HOSTILE, "split": "train", "width": 28, "height": 28}
    )
    rows = np.eye(5, dtype=np.float32)
    target_images, openset_images = ArrayImages(target["key"]), ArrayImages(pool["key"])
    comparison = compare_arms(all_records, arms=ARMS, references=REFERENCES)
    differences = compare_pairs(all_records, arms=ARMS, references=REFERENCES)
    finding = state_finding(differences)
    purity = coreset_purity(coreset, pool, relevant="animal/*")
    shares = coreset_shares(coreset, pool)
    selection = Selection(
        n_picked=6, n_openset=40, n_rounds=3, n_centroids=2, stopped="threshold",
        certificate={"exact": True, "list_depth": 8, "unkept": {"key": ["pool/38.png"]}},
    )  # fmt: skip
    curves = pd.DataFrame({"arm": "x", "seed": 0, "step": range(1, 9), "loss": np.linspace(5, 4, 8)})
    by_centroid = centroid_gallery(
        coreset, centroids=rows[:2], target_embeddings=rows, target_keys=target["key"].to_numpy(),
        target_images=target_images, openset_images=openset_images,
    )  # fmt: skip
    by_round = rounds_gallery(coreset, openset_images=openset_images, random_keys=pool["key"].to_numpy()[:3])
    neighbours = neighbour_gallery({HOSTILE: rows}, keys=target["key"].to_numpy(), images=target_images)
    return Report(
        title="A run",
        answer=state_answer(selection, purity=purity, finding=finding),
        command=f"kedro run --params name={HOSTILE}",
        data=(*describe_data(target, name="target"), *describe_data(pool, name="open-set")),
        settings={"selection": {"tau": 0.95}, "target": {"source": HOSTILE}},
        seeds=(0, 1, 2),
        machine={"processor": "2 cores"},
        stage_seconds={"retrieval": 38.1, "pretraining": 301.3},
        selection=selection,
        purity=purity,
        shares=shares,
        source_shares=coreset_shares(coreset, pool, by="source"),
        comparison=comparison,
        differences=differences,
        findings=(finding,),
        terms=f"Equal compute: {HOSTILE}.",
        steps={"x": 600, HOSTILE: 12_345},
        published=published,
        figures={
            "trace": trace_figure(trace, threshold=0.95, stopped="threshold"),
            "accuracy": accuracy_figure(comparison),
            "composition": composition_figure(shares),
            "curves": curves_figure(curves),
        },
        galleries=(
            Gallery("Picks of each centroid", tuple(by_centroid), "Best and worst."),
            Gallery("Rounds", tuple(by_round)),
            Gallery("Neighbours", tuple(neighbours)),
        ),
        artefacts={"coreset": "data/05_model_input/coreset.parquet"},
        created="2025-01-01 12:00 UTC",
        sections=(Section("Leakage", "leakage", ("None.", Table("Counts", ("what", "n"), (("twins", "0"),)))),),
    )
