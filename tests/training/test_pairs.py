"""Every method on every encoder that fits it: trains, is killed, resumes to the same bits, saves, loads, encodes."""

import pytest
import torch

from simcore.backbones import Encoder, create_backbone, list_backbones
from simcore.errors import InputError
from simcore.images import MultiViews, ViewSettings
from simcore.methods import METHODS, Method, create_method
from simcore.pipelines.origins import OriginViews
from simcore.training import Beside, TrainingSettings, export_encoder, pretrain, remove_work
from tests.training.worlds import KilledError, make_store

SIDE, STEPS = 32, 3
SMALL = {
    "simclr": {"projection_dim": 16},
    "byol": {"hidden_dim": 32, "projection_dim": 16},
    "swav": {"n_prototypes": 8, "hidden_dim": 32, "projection_dim": 16},
    "dino": {"output_dim": 32, "hidden_dim": 32, "bottleneck_dim": 16},
    "mae": {"decoder_dim": 32, "decoder_depth": 1, "decoder_heads": 4},
    "hns": {"projection_dim": 16},
    "ehns": {"projection_dim": 16, "anchors": "target"},
    "ehns_m": {"projection_dim": 16, "queue_size": 10},
}
TRANSFORMERS = {"vit_tiny_16", "vit_base_16", "vit_tiny_4"}
LIKE_SIMCLR = {"hns", "ehns", "ehns_m"}
"""Another loss on the network of SimCLR, which all encoders are paired with."""
PAIRS = [
    (m, b)
    for m in sorted(METHODS)
    for b in list_backbones()
    if (m != "mae" or b in TRANSFORMERS) and (m not in LIKE_SIMCLR or b in {"resnet10_small", "vit_tiny_4"})
]


def _create(method: str, backbone: str) -> Method:
    return create_method(method, create_backbone(backbone, image_size=SIDE, seed=1), seed=1, **SMALL[method])


def _train(method: Method, workdir, *, checkpoint_every_seconds: float = 1e9) -> None:
    kinds = [ViewSettings(image_size=side) for side in (SIDE, SIDE // 2)]
    views = MultiViews(tuple(zip(kinds, method.view_counts, strict=False)), seed=0)
    one = MultiViews(((kinds[0], 1),), seed=0)
    pretrain(
        method,
        make_store(),
        views=OriginViews(views, "image-1") if method.takes_origins else views,
        beside=Beside(make_store(6, first=100), one, 4) if method.beside_counts else None,
        settings=TrainingSettings(
            steps=STEPS,
            batch_size=4,
            optimiser="sgd",
            learning_rate=0.01,
            workers=0,
            threads=1,
            device="cpu",
            checkpoint_every_seconds=checkpoint_every_seconds,
            keep_checkpoints=1,
        ),
        seed=0,
        workdir=workdir,
    )


def test_every_method_has_an_encoder_and_every_encoder_a_method():
    assert {method for method, _ in PAIRS} == set(METHODS) == set(SMALL)
    assert {backbone for _, backbone in PAIRS} == set(list_backbones())


@pytest.mark.parametrize("backbone", sorted(set(list_backbones()) - TRANSFORMERS))
def test_mae_refuses_what_does_not_fit(backbone):
    with pytest.raises(InputError, match="vit_"):
        _create("mae", backbone)


@pytest.mark.parametrize(("method", "backbone"), PAIRS)
def test_pair(tmp_path, monkeypatch, method, backbone):
    whole = _create(method, backbone)
    start = {name: tensor.clone() for name, tensor in whole.encoder.state_dict().items()}
    _train(whole, tmp_path / "whole")
    assert any(not torch.equal(start[name], tensor) for name, tensor in whole.encoder.state_dict().items())
    remove_work(tmp_path / "whole")

    killed = _create(method, backbone)
    calls, forward = iter(range(1, 100)), killed.forward

    def dying(views):
        if next(calls) == STEPS:
            raise KilledError
        return forward(views)

    monkeypatch.setattr(killed, "forward", dying)
    with pytest.raises(KilledError):
        _train(killed, tmp_path / "killed", checkpoint_every_seconds=0)
    resumed = _create(method, backbone)
    _train(resumed, tmp_path / "killed")
    remove_work(tmp_path / "killed")  # pytest keeps folders, and large encoders fill a disk
    state = resumed.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in whole.state_dict().items())

    facts = {"architecture": backbone, "image_size": SIDE, "seed": 1, "steps": STEPS, "data": {}}
    encoder = export_encoder(whole, settings=TrainingSettings(steps=STEPS), **facts)
    encoder.save(tmp_path / "encoder")
    pixels = torch.randint(0, 256, (3, 3, SIDE, SIDE), dtype=torch.uint8)
    features = Encoder.load(tmp_path / "encoder").encode(pixels)
    assert features.shape == (3, encoder.dim)
    assert torch.equal(features, encoder.encode(pixels))
    assert features.isfinite().all()
    remove_work(tmp_path / "encoder")
