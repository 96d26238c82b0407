"""From a trained method to an encoder on disk."""

import torch

from simcore.backbones import Encoder
from simcore.training import export_encoder, pretrain


def export(method, settings):
    return export_encoder(
        method,
        architecture="resnet10_small",
        image_size=16,
        settings=settings,
        seed=4,
        steps=9,
        data={"images": "abc"},
    )


def test_a_trained_encoder_is_saved_with_all_that_is_known(make_method, store, views, settings, tmp_path):
    method = make_method()
    pretrain(method, store, views=views, settings=settings, seed=4, workdir=tmp_path / "work")
    encoder = export(method, settings)
    encoder.save(tmp_path / "encoder")
    loaded = Encoder.load(tmp_path / "encoder")
    pixels = torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(encoder.encode(pixels), loaded.encode(pixels))
    card = loaded.card
    assert (card.architecture, card.method, card.seed, card.steps) == ("resnet10_small", "simclr", 4, 9)
    assert (card.image_size, card.dim, card.mean) == (16, 128, settings.mean)
    assert card.data == {"images": "abc"}
    assert card.settings["method"] == method.hyper_parameters
    assert card.settings["training"]["learning_rate"] == settings.learning_rate


def test_further_training_does_not_change_an_exported_encoder(make_method, store, views, settings, tmp_path):
    method = make_method()
    encoder = export(method, settings)
    before = encoder.fingerprint
    pretrain(method, store, views=views, settings=settings, seed=4, workdir=tmp_path)
    assert export(method, settings).fingerprint != before
    assert Encoder(encoder.module, encoder.card).fingerprint == before
