"""A method that learns from images that go along, towards buffers that are worked out anew."""

import torch
from torch import nn

from simcore.methods import Method, StepOutput
from simcore.supervised import LabelledViews
from simcore.training import Beside, Refresh
from tests.training.worlds import NoisyViews, make_store

BESIDE = 30


class Companion(Method):
    """Two views of an image agree; an image beside moves towards its target.

    No batch norm and means over images: parts of a batch add up exactly.
    """

    name = "companion"

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Linear(3 * 16 * 16, 4)
        self.register_buffer("targets", torch.zeros(BESIDE, 4))
        self.seen = []

    @property
    def encoder(self):
        return self.net

    def forward(self, views):
        left, right, one, _, places = views
        assert places.dtype == torch.int64
        self.seen.append((len(left), len(one), places.tolist()))
        features = self.net(left.flatten(1))
        agree = (features - self.net(right.flatten(1)) - 1).square().mean()
        near = (self.net(one.flatten(1)) - self.targets[places]).square().mean()
        return StepOutput(agree + 2 * near, features.detach())


class Targets:
    """Works out the targets from all images beside; notes when, and may break."""

    def __init__(self, *, breaks_at=None, name="targets", rows=BESIDE):
        self.store = make_store(BESIDE, first=200)
        self.breaks_at, self.name, self.rows = breaks_at, name, rows
        self.found = {}

    def __call__(self, method, step):
        if step == self.breaks_at:
            raise RuntimeError("broken")
        assert not any(part.training for part in method.modules())
        assert not torch.is_grad_enabled()
        torch.rand(3)  # disturbs the global generator, if that is not shielded
        pixels = torch.from_numpy(self.store.pixels / 255).float()
        value = method.net(pixels.flatten(1)).sin() + method.targets / 2 + step
        self.found[step] = value.clone()
        return {self.name: value[: self.rows]}


def make_beside(batch_size=6, seed=1, first=200):
    store = make_store(BESIDE, first=first)
    places = {str(key): place for place, key in enumerate(store.keys)}
    return Beside(store, LabelledViews(NoisyViews(seed), places), batch_size)


def make_refresh(*steps, **changes):
    return Refresh(steps, Targets(**changes))
