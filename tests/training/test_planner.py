"""The planner against the loop it plans for."""

import numpy as np
import pytest

from simcore.backbones import create_backbone
from simcore.images import TwoViews, ViewSettings
from simcore.methods import SimCLR
from simcore.training import TrainingSettings, pretrain
from simcore.training.planner import Speed, estimate_cost, measure_speed


class Pictures:
    """Forty random pictures in memory."""

    def __init__(self, n: int = 40) -> None:
        self.keys = np.array([f"{i:03d}" for i in range(n)], dtype=object)
        self._pixels = np.random.default_rng(0).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.keys)

    def compact(self, position: int) -> np.ndarray:
        return self._pixels[position]


VIEWS = TwoViews(ViewSettings(image_size=16), seed=0)
SPEED = Speed(seconds_per_image=0.01, batch_size=8, steps=5, device="cpu")


def create_method() -> SimCLR:
    return SimCLR(create_backbone("resnet10_small", image_size=16), seed=0)


@pytest.mark.parametrize("length", [{"epochs": 3}, {"steps": 7}])
@pytest.mark.parametrize("batch_size", ["auto", 16])
def test_steps_and_batch_are_those_of_the_training(tmp_path, length, batch_size):
    settings = TrainingSettings(**length, batch_size=batch_size, max_batch_size=12, workers=0, device="cpu")
    store = Pictures()
    result = pretrain(create_method(), store, views=VIEWS, settings=settings, seed=0, workdir=tmp_path)
    cost = estimate_cost(n_images=len(store), settings=settings, method=create_method(), speed=SPEED)
    assert (cost.steps, cost.batch_size) == (result.steps, result.batch_size)
    assert cost.hours == pytest.approx(cost.steps * cost.batch_size * 0.01 / 3600)


def test_disk_covers_what_the_training_leaves_beside(tmp_path):
    settings = TrainingSettings(steps=2, batch_size=8, workers=0, device="cpu", checkpoint_every_seconds=0)
    pretrain(create_method(), Pictures(), views=VIEWS, settings=settings, seed=0, workdir=tmp_path)
    written = sum(path.stat().st_size for path in tmp_path.rglob("*.pt"))
    cost = estimate_cost(n_images=40, settings=settings, method=create_method(), speed=SPEED)
    # Two checkpoints are kept; room for a third and the encoder is counted.
    assert written <= cost.disk_gib * 2**30 <= 2.5 * written


def test_the_probe_leaves_nothing_and_times_what_was_asked_for():
    settings = TrainingSettings(epochs=1000, batch_size=32, workers=0, device="cpu")
    speed = measure_speed(create_method(), Pictures(), views=VIEWS, settings=settings, steps=3, max_batch_size=8)
    assert (speed.steps, speed.batch_size, speed.device) == (3, 8, "cpu")
    assert speed.seconds_per_image > 0


def test_processes_divide_the_time_and_gpu_hours_stay():
    settings = TrainingSettings(steps=10, batch_size=8)
    one = Speed(seconds_per_image=0.01, batch_size=8, steps=5, device="H100")
    four = Speed(seconds_per_image=0.01, batch_size=8, steps=5, device="H100", processes=4)
    costs = [estimate_cost(n_images=40, settings=settings, method=create_method(), speed=s) for s in (one, four)]
    assert costs[1].hours == pytest.approx(costs[0].hours / 4)
    assert costs[1].gpu_hours == pytest.approx(costs[0].gpu_hours)


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize(("length", "n"), [({"epochs": 5}, 40), ({"epochs": 5}, 41), ({"steps": 23}, 45)])
def test_images_and_epochs_are_those_that_the_steps_take(drop_last, length, n):
    settings = TrainingSettings(**length, batch_size=20, drop_last=drop_last)
    cost = estimate_cost(n_images=n, settings=settings, method=create_method(), speed=SPEED)
    stream = settings.stream(n, seed=0)
    assert cost.images_seen == sum(len(stream.batch(step)) for step in range(1, cost.steps + 1))
    assert cost.epochs == pytest.approx(length.get("epochs", cost.steps / stream.steps_per_epoch), abs=0.005)
