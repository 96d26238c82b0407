"""Speed of evaluation: `python -m benchmarks.evaluation_speed`.

Three ratios, each of works that take turns. *Five rates at once* against one training a rate: the augmented linear
layer on a frozen ResNet-18, some epochs of the shipped images, with checkpoints and views as in a run. *Cached* against
augmented: both through to an outcome under the clean protocol, five rates and 100 epochs; the augmented one is timed at
two lengths, and what an epoch adds is taken a hundred times, so that its start counts once. *kNN*: 8,192 test rows
against 8,192 training rows of 2,048 dimensions, k = 20 and 200, against the bare float32 product of the two in the same
blocks. Takes a few minutes.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks._machine import paired_ratio, seconds, spread, write
from simcore.backbones import create_random_encoder
from simcore.evaluation import encode_store, linear_probe
from simcore.evaluation.knn import rank_by_neighbours
from simcore.evaluation.linear import LEARNING_RATES
from simcore.evaluation.training import LINEAR, Sight, train_and_judge
from simcore.images import ImageStore, read_source
from simcore.supervised import fit_classifier

RAW = Path(__file__).parents[1] / "data" / "01_raw" / "quadrupeds_target.parquet"
SIDE, ENCODER = 28, "resnet18"
EPOCHS, MORE_EPOCHS = 1, 3
ROWS, DIM, CLASSES, KS = 8192, 2048, 200, (20, 200)
BLOCK = 2048


def in_turns(works: dict[str, Callable[[], object]], *, repeats: int) -> dict[str, list[float]]:
    """Return the times of works that take turns, so that a change of the machine's load meets all alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    next(iter(works.values()))()
    for _ in range(repeats):
        for name, work in works.items():
            times[name] += seconds(work, repeats=1, warm_up=0)
    return times


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, default=600, help="training images of the linear layers, 1,200 at most")
    asked = parser.parse_args()
    repeats = asked.repeats
    manifest = read_source(RAW).manifest
    train, test = (ImageStore(manifest[manifest["split"] == split]) for split in ("train", "test"))
    classes = tuple(sorted(set(train.labels)))
    # Of the 1,200 test images, which are labelled too: of 120, the start of a run would be timed.
    many = test.subset(test.keys[:: len(test) // asked.images])
    encoder = create_random_encoder(ENCODER, image_size=SIDE, seed=0)
    sight = Sight(image_size=SIDE, machine={"workers": 0, "device": "cpu", "threads": torch.get_num_threads()})
    lengths = {epochs: replace(LINEAR, epochs=epochs) for epochs in (EPOCHS, MORE_EPOCHS)}

    def fit(rates: tuple[float, ...]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            fit_classifier(
                encoder,
                many,
                classes=classes,
                view=sight.view,
                settings=lengths[MORE_EPOCHS].settings(len(many), rate=1.0, sight=sight, look_every_epoch=False),
                seed=0,
                workdir=folder,
                frozen=True,
                rates=rates,
            )

    def one_by_one() -> None:
        for rate in LEARNING_RATES:
            fit((rate,))

    rates = in_turns({"at once": lambda: fit(LEARNING_RATES), "one by one": one_by_one}, repeats=repeats)

    def cached() -> None:
        left, right = (encode_store(encoder, store, image_size=SIDE) for store in (many, train))
        linear_probe(left, many.labels, right, train.labels, classes=classes, seed=0)

    def augmented(epochs: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            train_and_judge(
                encoder,
                many,
                train,
                classes=classes,
                recipe=lengths[epochs],
                protocol="clean",
                sight=sight,
                evaluation="linear",
                seed=0,
                workdir=folder,
            )

    modes = in_turns(
        {"cached": cached, "short": lambda: augmented(EPOCHS), "long": lambda: augmented(MORE_EPOCHS)}, repeats=repeats
    )
    full = [
        short + (LINEAR.epochs - EPOCHS) * (long - short) / (MORE_EPOCHS - EPOCHS)
        for short, long in zip(modes["short"], modes["long"], strict=True)
    ]

    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(ROWS, DIM, generator=generator) for _ in range(2))
    numbers = torch.from_numpy(np.arange(ROWS) % CLASSES)
    unit, out = torch.nn.functional.normalize(left, dim=1), torch.empty(BLOCK, ROWS)

    def products() -> None:
        for rows in right.split(BLOCK):
            torch.mm(rows, unit.T, out=out)

    def neighbours() -> None:
        rank_by_neighbours(left, numbers, right, class_count=CLASSES, ks=KS)

    knn = in_turns({"knn": neighbours, "products": products}, repeats=repeats)
    write(
        "evaluation_speed",
        [
            {
                "what": "five rates, one by one / at once",
                "goal": "at least 4",
                "ratio": round(paired_ratio(rates["one by one"], rates["at once"]), 2),
                "first": spread(rates["one by one"]),
                "second": spread(rates["at once"]),
            },
            {
                "what": "linear evaluation, augmented / cached",
                "goal": "at least 20",
                "ratio": round(paired_ratio(full, modes["cached"]), 1),
                "first": spread(full),
                "second": spread(modes["cached"]),
            },
            {
                "what": "kNN / bare product",
                "goal": "at most 2",
                "ratio": round(paired_ratio(knn["knn"], knn["products"]), 2),
                "first": spread(knn["knn"]),
                "second": spread(knn["products"]),
            },
        ],
        encoder=f"{ENCODER} at {SIDE} px",
        images=len(many),
        rates=len(LEARNING_RATES),
        timed_epochs=f"{EPOCHS} and {MORE_EPOCHS}",
        knn=f"{ROWS} x {ROWS} x {DIM}, k {' and '.join(map(str, KS))}",
        threads=torch.get_num_threads(),
    )


if __name__ == "__main__":
    main()
