"""The training loop against the bare model and lightly's loop: `python -m benchmarks.training_speed`.

SimCLR with ResNet18 at 32 px, all in one process and interleaved:

- bare: forward and backward of the model on one batch of views that lies ready, in the faster memory layout; no
  views, no optimiser;
- ours: `pretrain`, with as many workers as serve it best;
- lightly: the loop of lightly's SimCLR example (DataLoader, `SimCLRTransform`, one forward pass a view, NT-Xent, SGD)
  with the same weights, batch and augmentation (no blur), and as many workers as serve it best.

With `--device cuda`, the same for ResNet50 at 224 px: ours with bfloat16 and views on the device, as it is and
compiled; the plain loop with float16 autocast, a gradient scaler and one PIL worker a core. Its record is one of its
own. A run is timed from one step to another, both well after the workers have started; shares are medians over the
turns in which all ran one after the other. Takes about twelve minutes on two quiet cores.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightly.loss import NTXentLoss
from lightly.transforms import SimCLRTransform
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from benchmarks._machine import paired_ratio, spread, write
from simcore.backbones import create_backbone
from simcore.images import DeviceViews, TwoViews, ViewSettings
from simcore.methods import SimCLR
from simcore.training import TrainingSettings, pretrain

WARM_UP = 8
"""Steps before the clock starts."""


@dataclass(frozen=True)
class Case:
    """What is measured."""

    name: str
    backbone: str
    image_size: int
    stored_size: int
    batch_size: int
    steps: int
    device: str

    @property
    def images(self) -> int:
        """Images, so that a run is one epoch."""
        return self.batch_size * (self.steps + WARM_UP)


CPU = Case("SimCLR ResNet18, 32 px", "resnet18", 32, 32, 128, 24, "cpu")
GPU = Case("SimCLR ResNet50, 224 px", "resnet50", 224, 256, 256, 40, "cuda")
CASES = {case.device: case for case in (CPU, GPU)}
WORKERS = {"cpu": (0, 1, 2), "cuda": (os.cpu_count() or 1,)}


class Pictures(Dataset[Any]):
    """Smooth coloured noise in memory: a store for `pretrain`, and the data set of the plain loop."""

    cached = False

    def __init__(self, case: Case) -> None:
        rng = np.random.default_rng(0)
        coarse = rng.integers(0, 256, (min(case.images, 2048), 6, 6, 3), dtype=np.uint8)
        size = (case.stored_size, case.stored_size)
        self.pixels = np.stack([np.asarray(Image.fromarray(one).resize(size)) for one in coarse])
        self.keys = np.array([f"{number:06d}" for number in range(case.images)])
        self.transform: Callable[[Image.Image], Sequence[torch.Tensor]] = SimCLRTransform(
            input_size=case.image_size, min_scale=0.2, gaussian_blur=0.0
        )

    def __len__(self) -> int:
        return len(self.keys)

    def compact(self, position: int) -> np.ndarray:
        """Return an image."""
        return self.pixels[position % len(self.pixels)]

    def __getitem__(self, position: int) -> Any:
        return self.transform(Image.fromarray(self.compact(position)))


def make_method(case: Case) -> SimCLR:
    """Return the same model for everyone."""
    return SimCLR(create_backbone(case.backbone, image_size=case.image_size, seed=0), seed=0)


def synchronise(case: Case) -> float:
    """Return the time once the device has done its work."""
    if case.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def time_bare(case: Case, *, layout: torch.memory_format) -> float:
    """Return the seconds of `steps` forward and backward passes."""
    method = make_method(case).to(case.device).to(memory_format=layout)
    shape = (case.batch_size, 3, case.image_size, case.image_size)
    views = [torch.randn(shape, device=case.device).contiguous(memory_format=layout) for _ in range(2)]
    began = 0.0
    for step in range(case.steps + WARM_UP):
        if step == WARM_UP:
            began = synchronise(case)
        method.zero_grad(set_to_none=True)
        with torch.autocast(case.device, dtype=torch.bfloat16, enabled=case.device == "cuda"):
            loss = method(views).loss
        loss.backward()
    return synchronise(case) - began


class Watch:
    """A reporter that notes when curves arrive."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.times: dict[int, float] = {}

    def log(self, metrics: Any, *, step: int) -> None:
        """Note the time of `step`; its loss has been read, so that the device is done."""
        del metrics
        self.times[step] = synchronise(self.case)


def time_ours(case: Case, pictures: Pictures, *, workers: int, views_on: str, compiled: bool = False) -> float:
    """Return the seconds of `steps` steps of `pretrain`."""
    settings = TrainingSettings(
        steps=case.steps + WARM_UP,
        batch_size=case.batch_size,
        learning_rate=0.06,
        log_every=WARM_UP,
        workers=workers,
        device=case.device,  # type: ignore[arg-type]
        precision="bfloat16" if case.device == "cuda" else "float32",
        views_on=views_on,  # type: ignore[arg-type]
        compile=compiled,
    )
    view = ViewSettings(image_size=case.image_size)
    views = DeviceViews(((view, 2),), seed=0) if views_on == "device" else TwoViews(view, seed=0)
    watch = Watch(case)
    with tempfile.TemporaryDirectory() as workdir:
        pretrain(
            make_method(case), pictures, views=views, settings=settings, seed=0, workdir=Path(workdir), reporter=watch
        )
    return watch.times[case.steps + WARM_UP] - watch.times[WARM_UP]


def time_lightly(case: Case, pictures: Pictures, *, workers: int) -> float:
    """Return the seconds of `steps` steps of the loop of lightly's example."""
    method = make_method(case).to(case.device)
    criterion = NTXentLoss(temperature=method.temperature)
    optimiser = torch.optim.SGD(method.parameters(), lr=0.06, momentum=0.9, nesterov=True, weight_decay=1e-4)
    half = case.device == "cuda"
    scaler = torch.amp.GradScaler(case.device, enabled=half)
    loader = DataLoader(
        pictures, batch_size=case.batch_size, shuffle=True, drop_last=True, num_workers=workers, pin_memory=half
    )
    total: Any = 0
    began = 0.0
    for step, (first, second) in enumerate(loader):
        if step == WARM_UP:
            began = synchronise(case)
        with torch.autocast(case.device, dtype=torch.float16, enabled=half):
            projections = [
                method.head(method.backbone(view.to(case.device, non_blocking=True))) for view in (first, second)
            ]
            loss = criterion(*projections)
        total += loss.detach()
        scaler.scale(loss).backward()
        scaler.step(optimiser)
        scaler.update()
        optimiser.zero_grad()
    return synchronise(case) - began


def measure(case: Case, *, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each contender."""
    pictures = Pictures(case)
    layouts = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
    runs: dict[tuple[str, Any], Callable[[], float]] = {}
    for name, layout in layouts.items():
        runs["bare forward and backward", name] = lambda layout=layout: time_bare(case, layout=layout)
    plain = "lightly's loop" if case.device == "cpu" else "plain loop, float16, PIL"
    for workers in WORKERS[case.device]:
        on = "device" if case.device == "cuda" else "workers"
        runs["ours", workers] = lambda workers=workers, on=on: time_ours(case, pictures, workers=workers, views_on=on)
        runs[plain, workers] = lambda workers=workers: time_lightly(case, pictures, workers=workers)
    if case.device == "cpu":
        runs["ours", "none, views in batches"] = lambda: time_ours(case, pictures, workers=0, views_on="device")
    else:
        workers = WORKERS[case.device][-1]
        runs["ours, compiled", workers] = lambda: time_ours(
            case, pictures, workers=workers, views_on="device", compiled=True
        )
    times: dict[tuple[str, Any], list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            times[name].append(run())
    contenders = dict.fromkeys(what for what, _ in runs)
    best = {
        what: min((key for key in runs if key[0] == what), key=lambda key: statistics.median(times[key]))
        for what in contenders
    }
    bare, lean = (times[best[what]] for what in ("bare forward and backward", plain))
    for what, key in best.items():
        yield {
            "case": case.name,
            "contender": what,
            "layout_or_workers": key[1],
            "time": spread(times[key]),
            "images_per_second": round(case.steps * case.batch_size / statistics.median(times[key]), 1),
            "share_of_bare": round(paired_ratio(bare, times[key]), 3),
            "times_the_plain_loop": round(paired_ratio(lean, times[key]), 2),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="runs of each contender")
    parser.add_argument("--steps", type=int, default=None, help="steps that are timed, fewer for a trial")
    parser.add_argument("--device", choices=sorted(CASES), default="cpu")
    arguments = parser.parse_args()
    case = CASES[arguments.device]
    case = replace(case, steps=arguments.steps or case.steps)
    write(
        "training_speed" if case.device == "cpu" else "training_speed_gpu",
        list(measure(case, repeats=arguments.repeats)),
        batch_size=case.batch_size,
        steps=case.steps,
        threads=torch.get_num_threads(),
        **({} if case.device == "cpu" else {"gpu": torch.cuda.get_device_name()}),
    )


if __name__ == "__main__":
    main()
