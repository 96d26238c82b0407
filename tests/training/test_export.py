"""From a trained method to an encoder on disk."""

import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn

from simcore.backbones import Encoder, create_backbone, list_backbones, load_encoder, timm_arguments
from simcore.methods import create_method
from simcore.training import export_encoder, pretrain
from tests.backbones.weights import images, shake, uint8_images

# What people type who have timm and the file, as docs/encoders.md says.
IN_TIMM = {
    "resnet18": {"model_name": "resnet18"},
    "resnet50": {"model_name": "resnet50"},
    "resnet101": {"model_name": "resnet101"},
    "resnext50": {"model_name": "resnext50_32x4d"},
    "efficientnet_b0": {"model_name": "efficientnet_b0"},
    "vit_tiny_16": {"model_name": "vit_tiny_patch16_224", "img_size": 32},
    "vit_base_16": {"model_name": "vit_base_patch16_224", "img_size": 32},
    "vit_tiny_4": {"model_name": "vit_tiny_patch16_224", "img_size": 32, "patch_size": 4},
    "timm:mobilenetv3_small_050": {"model_name": "mobilenetv3_small_050"},
}
IN_TORCHVISION = {
    "resnet18": torchvision.models.resnet18,
    "resnet50": torchvision.models.resnet50,
    "resnet101": torchvision.models.resnet101,
    "resnext50": torchvision.models.resnext50_32x4d,
}


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


def exported(name, settings, directory, *, method="simclr", image_size=32, **method_settings):
    backbone = shake(create_backbone(name, image_size=image_size))
    encoder = export_encoder(
        create_method(method, backbone, **method_settings),
        architecture=name,
        image_size=image_size,
        settings=settings,
        seed=4,
        steps=9,
        data={},
    )
    encoder.save(directory)
    return encoder


def test_every_registered_encoder_but_one_loads_into_timm():
    assert {name for name in IN_TIMM if not name.startswith("timm:")} == set(list_backbones()) - {"resnet10_small"}


@pytest.mark.parametrize("name", IN_TIMM)
def test_an_exported_encoder_loads_into_timm(name, settings, tmp_path):
    encoder = exported(name, settings, tmp_path / "encoder")
    file = tmp_path / "encoder" / "model.safetensors"
    theirs = timm.create_model(**IN_TIMM[name], num_classes=0, checkpoint_path=file).eval()
    with torch.no_grad():
        features = encoder.module(images(32))
        assert torch.equal(theirs(images(32)), features)
    assert features.abs().max() > 0
    assert timm_arguments(name, image_size=32).items() >= {**IN_TIMM[name], "num_classes": 0}.items()


def test_the_small_encoder_loads_by_one_call(settings, tmp_path):
    encoder = exported("resnet10_small", settings, tmp_path / "encoder")
    network = load_encoder(tmp_path / "encoder").module
    with torch.no_grad():
        assert torch.equal(network(images(32)), encoder.module(images(32)))


@pytest.mark.parametrize("name", IN_TORCHVISION)
def test_an_exported_resnet_loads_into_torchvision(name, settings, tmp_path):
    encoder = exported(name, settings, tmp_path / "encoder")
    theirs = IN_TORCHVISION[name]()
    theirs.fc = nn.Identity()
    theirs.load_state_dict(load_file(tmp_path / "encoder" / "model.safetensors"), strict=True)
    with torch.no_grad():
        assert torch.allclose(theirs.eval()(images(32)), encoder.module(images(32)), rtol=1e-5, atol=1e-5)


def test_the_card_names_the_embedding_of_the_method(settings, tmp_path):
    plain = exported("vit_tiny_4", settings, tmp_path / "plain", image_size=16)
    decoder = {"decoder_dim": 16, "decoder_depth": 1, "decoder_heads": 2}
    masked = exported("vit_tiny_4", settings, tmp_path / "masked", method="mae", image_size=16, **decoder)
    assert plain.card.embedding == "features"
    assert masked.card.embedding == "patch_mean"
    loaded = Encoder.load(tmp_path / "masked")
    pixels = uint8_images(16)
    assert torch.equal(loaded.encode(pixels), masked.encode(pixels))
    assert not torch.allclose(loaded.encode(pixels), loaded.encode(pixels, output="features"), atol=1e-3)


def test_further_training_does_not_change_an_exported_encoder(make_method, store, views, settings, tmp_path):
    method = make_method()
    encoder = export(method, settings)
    before = encoder.fingerprint
    pretrain(method, store, views=views, settings=settings, seed=4, workdir=tmp_path)
    assert export(method, settings).fingerprint != before
    assert Encoder(encoder.module, encoder.card).fingerprint == before
