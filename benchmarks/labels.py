"""Whether methods for noisy labels and open-sets help where they must: planted noise, a planted outlier class.

    python -m benchmarks.labels [--cases co_teaching openmatch] [--seeds 3]

on the 1,500 target images of `--env study` with their retrieval encoder, and its 1,200 test images:

- co_teaching: 40 % of the training labels are planted wrong (any other class); co-teaching, DivideMix and plain
  training learn them for as many epochs, with crops so large and batches so small that plain training learns wrong
  labels by heart. Accuracy on right labels, and how well the planted ones are found.
- openmatch: five of the six classes are the target, half of their images labelled; images of the sixth (`near`) or of
  a class of the open-set (`far`) are planted in the unlabelled half. The area under the ROC curve of the outlier score.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project

from benchmarks._machine import write
from simcore.downstream.judging import Setting
from simcore.downstream.openset_semi_supervised import OpenMatchRecipe, OpensetTask, Schedule, judge_openset_method
from simcore.downstream.roc import area_under_roc
from simcore.downstream.webly import WeblyRecipe, WeblyTask, judge_webly_method, measure_agreement, plant_noise
from simcore.evaluation import Sight
from simcore.images import ImageStore
from simcore.session import SimCoreSession
from simcore.supervised import draw_share

ROOT = Path(__file__).parents[1]
NOISE = 0.4
SHARE = 0.5
OUTLIERS = {"near": "sheep", "far": "fashion/sandal"}


def prepare(data_root: str) -> dict[str, Any]:
    """Return manifests and retrieval encoder of the environment `study`."""
    wanted = ("target_manifest", "openset_manifest", "image_size", "retrieval_encoder")
    try:
        with SimCoreSession.create(project_path=ROOT, env="study", runtime_params={"data_root": data_root}) as session:
            session.run(pipeline_names=["ingestion", "retrieval"])
            catalog = session.load_context().catalog
            return {name: catalog.load(name) for name in wanted}
    finally:
        pipelines.set_requested(None)
        # kedro-mlflow exports the store; the next session has one of its own.
        os.environ.pop("MLFLOW_TRACKING_URI", None)


def setting(
    made: dict[str, Any], classes: tuple[str, ...], *, name: str, seed: int, least: float = 0.3
) -> tuple[Sight, Setting]:
    """Return how images are seen, and on what terms a method is judged."""
    machine = {"workers": 1, "threads": 1}
    sight = Sight(image_size=made["image_size"]["image_size"], scale=(least, 1.0), machine=machine)
    known = {"encoder": made["retrieval_encoder"], "classes": classes, "sight": sight, "protocol": "clean"}
    return sight, Setting(**known, evaluation="planted", suffix=f" {name}", metric="top1", seed=seed)


def under_noise(made: dict[str, Any], *, seed: int, epochs: int, workdir: Path) -> Iterator[dict[str, float | str]]:
    """Yield what each method makes of planted noise."""
    target = made["target_manifest"]
    train, test = (target[target["split"] == split].reset_index(drop=True) for split in ("train", "test"))
    classes = tuple(sorted(train["label"].unique()))
    true = train.set_index("key")["label"]
    noisy = plant_noise(true, NOISE, "symmetric", seed)
    store, test_store = ImageStore(train.assign(label=noisy.to_numpy())), ImageStore(test)
    options: dict[str, dict[str, Any]] = {
        "supervised": {},
        "co_teaching": {"forget": NOISE, "ramp_epochs": 10},
        # Of DivideMix's authors: 25 for half of the labels wrong, and no penalty where wrong ones are spread evenly.
        "dividemix": {"warmup_epochs": min(10, epochs // 3), "unlabelled_weight": 25.0, "confidence_penalty": 0.0},
    }
    for method, own in options.items():
        began = time.perf_counter()
        sight, on_terms = setting(made, classes, name=method, seed=seed, least=0.9)
        recipe = WeblyRecipe(method, epochs, 32, learning_rate=0.03, weight_decay=1e-4, options=own)
        task = WeblyTask(made["retrieval_encoder"], store, classes, sight, seed)
        outcomes, split = judge_webly_method(task, test_store, recipe, on_terms, workdir=workdir / method)
        clean = None if split["clean"].isna().any() else split["clean"].to_numpy(dtype=bool)
        found = measure_agreement(split["clean_score"].to_numpy(), clean, (noisy != true).to_numpy())
        accuracy = [float((outcome.predicted == outcome.true).mean()) for outcome in outcomes]
        both = dict(zip(("network 1", "network 2", "ensemble"), accuracy, strict=False))
        yield {"method": method, **both, **found, "seconds": time.perf_counter() - began}


def planted_outliers(
    made: dict[str, Any], *, kind: str, seed: int, epochs: int, workdir: Path
) -> dict[str, float | str]:
    """Return how well OpenMatch tells a planted class, and what it makes of the others."""
    began = time.perf_counter()
    target, openset = made["target_manifest"], made["openset_manifest"]
    train, test = (target[target["split"] == split].reset_index(drop=True) for split in ("train", "test"))
    out = OUTLIERS[kind]
    held_out = OUTLIERS["near"]
    known = train[train["label"] != held_out]
    labelled = draw_share(known, share=SHARE, seed=seed)
    rest = known[~known["key"].isin(labelled["key"])]
    planted = train[train["label"] == out] if kind == "near" else openset[openset["label"] == out].head(len(rest) // 3)
    planted = planted.assign(key="planted:" + planted["key"], split="train")
    pool = pd.concat([rest, planted]).sort_values("key", ignore_index=True)
    classes = tuple(sorted(known["label"].unique()))
    sight, on_terms = setting(made, classes, name="openmatch", seed=seed)
    stores = [ImageStore(part.reset_index(drop=True)) for part in (labelled, pool, test[test["label"] != held_out])]
    task = OpensetTask(made["retrieval_encoder"], stores[0], stores[1], classes, sight, seed)
    schedule = Schedule(epochs, 50, 32, 2, learning_rate=0.03, weight_decay=1e-4)
    recipe = OpenMatchRecipe(schedule, fix_after_epochs=min(5, epochs - 1))
    (outcome,), outliers = judge_openset_method(task, stores[2], recipe, on_terms, workdir=workdir)
    assert outliers is not None
    is_out = outliers["key"].str.startswith("planted:").to_numpy()
    return {
        "method": f"openmatch, {kind} class",
        "network 1": float((outcome.predicted == outcome.true).mean()),
        "outlier_auroc": area_under_roc(outliers["outlier_score"].to_numpy(), is_out),
        "seconds": time.perf_counter() - began,
    }


def _summary(found: list[dict[str, float | str]]) -> list[dict[str, Any]]:
    """Return one row a method: mean and spread over the seeds, and how many these are."""
    rows = []
    for method in dict.fromkeys(each["method"] for each in found):
        own = [each for each in found if each["method"] == method]
        row: dict[str, Any] = {"method": method}
        for name in (name for name in own[0] if name not in ("method", "seconds")):
            values = [float(each[name]) for each in own]
            row[name] = f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"
        seconds = round(statistics.median(float(each["seconds"]) for each in own))
        rows.append({**row, "seeds": len(own), "seconds": seconds})
    return rows


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", default=["co_teaching", "openmatch"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30, help="under noise; OpenMatch takes 4 of 30, of 50 steps each")
    parser.add_argument("--data-root", default=None, help="keeps the encoder; a new folder by default")
    parser.add_argument("--dry", action="store_true", help="print, and leave the stored result")
    arguments = parser.parse_args()
    bootstrap_project(ROOT)
    found: list[dict[str, float | str]] = []
    with tempfile.TemporaryDirectory() as folder:
        made = prepare(arguments.data_root or folder)
        for seed in range(arguments.seeds):
            workdir, epochs = Path(folder) / f"seed-{seed}", arguments.epochs
            if "co_teaching" in arguments.cases:
                for row in under_noise(made, seed=seed, epochs=epochs, workdir=workdir / "noise"):
                    found.append(row)
                    print(seed, row, flush=True)
            if "openmatch" in arguments.cases:
                for kind in OUTLIERS:
                    row = planted_outliers(
                        made, kind=kind, seed=seed, epochs=max(2, 4 * epochs // 30), workdir=workdir / kind
                    )
                    found.append(row)
                    print(seed, row, flush=True)
            # After each seed, so that an hour is not lost with the last one.
            if not arguments.dry:
                write("labels", _summary(found), seeds=seed + 1, epochs=arguments.epochs, noise=NOISE, images=1500)


if __name__ == "__main__":
    main()
