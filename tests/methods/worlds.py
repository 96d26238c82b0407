"""Small networks, methods and views that the tests of the methods share."""

import timm
import torch

from simcore.methods import Moment, create_method

SETTINGS = {
    "simclr": {"projection_dim": 4},
    "byol": {"hidden_dim": 16, "projection_dim": 4},
    "swav": {"n_prototypes": 5, "hidden_dim": 16, "projection_dim": 4, "freeze_prototypes_epochs": 1},
    "dino": {
        "output_dim": 7,
        "hidden_dim": 16,
        "bottleneck_dim": 4,
        "local_views": 2,
        "freeze_last_layer_epochs": 1,
        "warmup_teacher_temperature_epochs": 3,
    },
    "ehns": {"projection_dim": 4, "anchors": "target"},
    "ehns_m": {"projection_dim": 4, "queue_size": 10},
    "hns": {"projection_dim": 4},
    "mae": {"decoder_dim": 8, "decoder_depth": 1, "decoder_heads": 2},
}


class Means(torch.nn.Module):
    """A backbone for images of any size: a linear map of the mean colour, then batch norm."""

    num_features = 6

    def __init__(self, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.linear = torch.nn.Linear(3, 6)
        self.norm = torch.nn.BatchNorm1d(6)

    def forward(self, pixels):
        return self.norm(self.linear(pixels.mean(dim=(2, 3))))


def small_vit(seed=0, **settings):
    """A vision transformer of two blocks for images of 8 pixels in patches of 2."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return timm.create_model(
            "vit_tiny_patch16_224",
            **{"img_size": 8, "patch_size": 2, "depth": 2, "embed_dim": 12, "num_heads": 2, "num_classes": 0}
            | settings,
        )


def small_method(name, *, seed=0, **settings):
    """The method `name` with small heads."""
    backbone = small_vit(seed) if name == "mae" else Means(seed)
    return create_method(name, backbone, seed=seed, **SETTINGS[name] | settings)


def random_views(method, *, n=6, seed=0):
    """Views of `n` images for `method`: 8 pixels, those of the second group 4; most are of X, and as many go along."""
    generator = torch.Generator().manual_seed(seed)
    sides = [side for side, count in zip((8, 4), method.view_counts, strict=False) for _ in range(count)]
    views = [torch.randn(n, 3, side, side, generator=generator) for side in sides]
    origins = [(torch.arange(n) >= n // 3).long()] if method.takes_origins else []
    beside = [torch.randn(n, 3, 8, 8, generator=generator) for _ in range(sum(method.beside_counts))]
    return [*views, *origins, *beside]


def take_step(method, optimiser, moment, *, seed=0):
    """Take one step as the training loop does and return the loss."""
    method.before_step(moment)
    torch.manual_seed(seed + moment.step)
    loss = method.loss(random_views(method, seed=seed + moment.step))
    loss.backward()
    method.after_backward(moment)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    method.after_step(moment)
    return loss.item()


def moments(total=6, per_epoch=2):
    """The moments of a run of `total` steps."""
    return [Moment(step=step, total_steps=total, steps_per_epoch=per_epoch) for step in range(1, total + 1)]


def adam(method):
    """Adam with weight decay over what takes a gradient, as the training loop builds it."""
    parameters = [parameter for parameter in method.parameters() if parameter.requires_grad]
    return torch.optim.Adam(parameters, lr=1e-2, weight_decay=0.1)
