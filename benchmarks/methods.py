"""Whether each method learns: nearest neighbours on its features against those of its own random initialisation.

    python -m benchmarks.methods

trains the retrieval encoder of the default job on the 120 shipped target images with every method, under the settings
of conf/base, and asks for the k = 20 nearest training images of the 1,200 test images; the same encoder with the same
seed before training is the opponent. About fifteen minutes on two cores.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project

from benchmarks._machine import write
from simcore.backbones import Encoder, create_random_encoder
from simcore.evaluation import encode_store, knn
from simcore.images import ImageStore
from simcore.methods import METHODS
from simcore.session import SimCoreSession

ROOT = Path(__file__).parents[1]
NEIGHBOURS = 20


def train(method: str, *, seed: int, steps: int | None, data_root: str) -> dict[str, object]:
    """Return manifest, image size and retrieval encoder of the default job with `method`."""
    retrieval: dict[str, object] = {"seed": seed}
    if steps is not None:
        retrieval["optimisation"] = {"steps": steps}
    params = {"data_root": data_root, "method": method, "retrieval": retrieval}
    wanted = ("target_manifest", "image_size", "retrieval_encoder")
    try:
        with SimCoreSession.create(project_path=ROOT, runtime_params=params) as session:
            session.run(pipeline_names=["ingestion", "retrieval"])
            catalog = session.load_context().catalog
            return {name: catalog.load(name) for name in wanted}
    finally:
        pipelines.set_requested(None)
        # kedro-mlflow exports the store; the next session has one of its own.
        os.environ.pop("MLFLOW_TRACKING_URI", None)


def accuracy(encoder: Encoder, made: dict) -> float:
    """Return the share of test images that their nearest training images label right."""
    manifest, side = made["target_manifest"], made["image_size"]["image_size"]
    stores = [ImageStore(manifest[manifest["split"] == split]) for split in ("train", "test")]
    features = [encode_store(encoder, store, image_size=side) for store in stores]
    classes = sorted(set(stores[0].labels))
    labelled = (features[0], stores[0].labels, features[1], stores[1].labels)
    (outcome,) = knn(*labelled, classes=classes, ks=(NEIGHBOURS,))
    return float((outcome.predicted == outcome.true).mean())


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=None, help="instead of those of conf/base")
    parser.add_argument("--methods", nargs="*", default=sorted(METHODS))
    arguments = parser.parse_args()
    bootstrap_project(ROOT)
    rows = []
    for method in arguments.methods:
        trained, untrained, took = [], [], []
        for seed in range(arguments.seeds):
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                made = train(method, seed=seed, steps=arguments.steps, data_root=folder)
                took.append(time.perf_counter() - began)
                encoder = made["retrieval_encoder"]
                card = encoder.card
                start = create_random_encoder(
                    card.architecture, image_size=card.image_size, seed=seed, mean=card.mean, std=card.std
                )
                trained.append(accuracy(encoder, made))
                untrained.append(accuracy(start, made))
        rows.append(
            {
                "method": method,
                "encoder": card.architecture,
                "steps": card.steps,
                "untrained": _spread(untrained),
                "trained": _spread(trained),
                "gain in points": round(100 * float(np.mean(np.subtract(trained, untrained))), 1),
                "seeds that gain": f"{sum(a > b for a, b in zip(trained, untrained, strict=True))} of {len(trained)}",
                "seconds": round(statistics.median(took)),
            }
        )
        # After each method, so that hours are not lost with the last one.
        write("methods", rows, seeds=arguments.seeds, neighbours=NEIGHBOURS, test_images=1200, training_images=120)


if __name__ == "__main__":
    main()
