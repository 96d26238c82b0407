"""Encoders as artefacts."""

import dataclasses
import hashlib
import json

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from simcore.backbones import (
    Encoder,
    EncoderCard,
    create_backbone,
    create_random_encoder,
    embed_patches,
    normalise,
    state_fingerprint,
)
from simcore.errors import ArtefactError, InputError
from tests.backbones.weights import shake, uint8_images


@pytest.fixture
def pixels():
    return torch.randint(0, 256, (5, 3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def encoder():
    """An encoder whose batch norm statistics are not the initial ones."""
    encoder = create_random_encoder("resnet10_small", image_size=28, seed=3, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    encoder.module.train()
    with torch.no_grad():
        encoder.module(torch.randn(8, 3, 28, 28, generator=torch.Generator().manual_seed(1)))
    encoder.module.eval()
    return encoder


@pytest.fixture
def saved(encoder, tmp_path):
    encoder.save(tmp_path / "encoder")
    return tmp_path / "encoder"


def edit_card(directory, **changes):
    path = directory / "card.json"
    card = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in card.items() if value is not ...}))


def test_a_saved_encoder_comes_back_equal(encoder, saved, pixels):
    loaded = Encoder.load(saved)
    assert torch.equal(loaded.encode(pixels), encoder.encode(pixels))
    assert loaded.card == encoder.card
    assert loaded.fingerprint == encoder.fingerprint
    assert sorted(path.name for path in saved.iterdir()) == ["card.json", "model.safetensors"]


def test_weights_load_into_timm_and_are_plain_safetensors(saved):
    network = create_backbone("resnet10_small", image_size=28, seed=99)
    network.load_state_dict(load_file(saved / "model.safetensors"), strict=True)


def test_features_are_those_of_the_evaluation_mode(encoder, pixels):
    encoder.module.train()
    features = encoder.encode(pixels)
    assert encoder.module.training
    encoder.module.eval()
    normalised = (pixels.float() / 255 - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / torch.tensor(
        [0.4, 0.5, 0.6]
    ).view(3, 1, 1)
    with torch.no_grad():
        assert torch.allclose(features, encoder.module(normalised), atol=1e-5)
    assert features.dtype == torch.float32
    assert not features.requires_grad


def test_a_row_does_not_depend_on_its_batch(encoder, pixels):
    together = encoder.encode(pixels)
    alone = torch.cat([encoder.encode(pixels[i : i + 1]) for i in range(5)])
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        torch.zeros(2, 3, 8, 8),
        torch.zeros(3, 8, 8, dtype=torch.uint8),
        torch.zeros(2, 1, 8, 8, dtype=torch.uint8),
    ],
)
def test_other_input_is_refused(encoder, wrong):
    with pytest.raises(InputError, match=r"takes \(n, 3, s, s\) uint8"):
        encoder.encode(wrong)


def test_the_fingerprint_covers_what_decides_the_features(encoder):
    card = encoder.card
    changed = [
        create_random_encoder("resnet10_small", image_size=28, seed=4, mean=card.mean, std=card.std),
        create_random_encoder("resnet10_small", image_size=28, seed=3, mean=(0.0, 0.2, 0.3), std=card.std),
        create_random_encoder("resnet10_small", image_size=32, seed=3, mean=card.mean, std=card.std),
    ]
    base = create_random_encoder("resnet10_small", image_size=28, seed=3, mean=card.mean, std=card.std)
    again = create_random_encoder("resnet10_small", image_size=28, seed=3, mean=card.mean, std=card.std)
    assert base.fingerprint == again.fingerprint
    assert len({base.fingerprint, encoder.fingerprint, *(other.fingerprint for other in changed)}) == 5


def by_patches(encoder):
    return Encoder(encoder.module, dataclasses.replace(encoder.card, embedding="patch_mean"))


@pytest.fixture(scope="module")
def transformer():
    encoder = create_random_encoder("vit_tiny_4", image_size=16, seed=0)
    shake(encoder.module)
    return encoder


def test_the_embedding_is_the_kind_the_card_names(transformer):
    pixels = uint8_images(16)
    features = transformer.encode(pixels)
    assert torch.equal(transformer.encode(pixels, output="features"), features)
    assert torch.equal(by_patches(transformer).encode(pixels, output="features"), features)
    embedding = by_patches(transformer).encode(pixels)
    inputs = normalise(pixels, mean=transformer.card.mean, std=transformer.card.std)
    with torch.no_grad():
        tokens = transformer.module.forward_features(inputs)
        assert torch.allclose(tokens[:, 0], features, atol=1e-6)
        assert torch.equal(embedding, embed_patches(transformer.module, inputs))
    norm = transformer.module.norm
    for row, own in zip(embedding, tokens, strict=True):
        mean = sum(own[1:]) / 16
        centred = mean - mean.mean()
        expected = centred / (centred.square().mean() + norm.eps).sqrt() * norm.weight + norm.bias
        assert torch.allclose(row, expected, atol=1e-5)
    assert embedding.dtype == torch.float32
    assert not embedding.requires_grad


def test_the_fingerprint_covers_the_kind_of_embedding(transformer):
    assert by_patches(transformer).fingerprint != transformer.fingerprint


def test_the_kind_of_embedding_is_saved(transformer, tmp_path):
    by_patches(transformer).save(tmp_path / "encoder")
    loaded = Encoder.load(tmp_path / "encoder")
    assert loaded.card.embedding == "patch_mean"
    pixels = uint8_images(16)
    assert torch.equal(loaded.encode(pixels), by_patches(transformer).encode(pixels))


def test_a_card_from_before_there_was_a_choice_is_read(encoder, saved, pixels):
    edit_card(saved, embedding=...)
    loaded = Encoder.load(saved)
    assert loaded.card.embedding == "features"
    assert loaded.fingerprint == encoder.fingerprint


def test_the_fingerprint_of_earlier_versions_stays():
    """Computed as they did: embeddings on disk that name it stay valid."""
    encoder = create_random_encoder("resnet10_small", image_size=28, seed=0)
    facts = json.dumps(["resnet10_small", 28, list(encoder.card.mean), list(encoder.card.std)])
    expected = hashlib.sha256((facts + state_fingerprint(encoder.module.state_dict())).encode()).hexdigest()
    assert encoder.fingerprint == expected


def test_a_network_without_patches_has_no_mean_of_them(encoder, pixels):
    with pytest.raises(InputError, match=r"ResNet has no patch tokens.*`vit_base_16`"):
        by_patches(encoder).encode(pixels)


@pytest.mark.parametrize("name", ["beit_base_patch16_224", "swin_tiny_patch4_window7_224"])
def test_networks_that_pool_before_the_norm_have_none_either(name):
    with torch.device("meta"):
        network = timm.create_model(name, num_classes=0)
    with pytest.raises(InputError, match="has no patch tokens with a final norm"):
        embed_patches(network, torch.zeros(1, 3, 224, 224, device="meta"))


def test_unknown_kinds_are_refused(encoder, pixels, saved):
    with pytest.raises(InputError, match="`output` is 'pooled'; an encoder gives its `embedding` or its `features`"):
        encoder.encode(pixels, output="pooled")
    edit_card(saved, embedding="median")
    with pytest.raises(ArtefactError, match="`embedding` is 'median'; an encoder gives one of features, patch_mean"):
        Encoder.load(saved)


def test_pixels_that_the_patches_do_not_divide_are_refused(transformer):
    with pytest.raises(InputError, match=r"18x18.*patches of 4x4; give images of 16x16"):
        transformer.encode(uint8_images(18))


def test_state_fingerprint_sees_names_types_and_shapes():
    states = [
        {"a": torch.zeros(2)},
        {"b": torch.zeros(2)},
        {"a": torch.zeros(2, dtype=torch.int32)},
        {"a": torch.zeros(1, 2)},
        {"a": torch.zeros(2), "b": torch.zeros(0)},
    ]
    assert len({state_fingerprint(state) for state in states}) == len(states)
    a, b = torch.ones(1), torch.zeros(1)
    assert state_fingerprint({"a": a, "b": b}) == state_fingerprint({"b": b, "a": a})


@pytest.mark.parametrize("name", ["card.json", "model.safetensors"])
def test_a_missing_file_is_named(saved, name):
    (saved / name).unlink()
    with pytest.raises(ArtefactError, match=f"{name} is missing"):
        Encoder.load(saved)


@pytest.mark.parametrize("name", ["card.json", "model.safetensors"])
def test_a_damaged_file_is_told(saved, name):
    path = saved / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ArtefactError, match=f"{name} cannot be read"):
        Encoder.load(saved)


def test_keys_that_differ_are_listed(saved):
    edit_card(saved, architecture="resnet18")
    with pytest.raises(
        ArtefactError, match=r"do not fit `resnet18`.*missing keys.*layer1\.1.*other shapes.*conv1\.weight"
    ):
        Encoder.load(saved)
    state = load_file(saved / "model.safetensors")
    state["fc.weight"] = torch.zeros(1)
    save_file(state, saved / "model.safetensors")
    edit_card(saved, architecture="resnet10_small")
    with pytest.raises(ArtefactError, match=r"unexpected keys: fc\.weight"):
        Encoder.load(saved)


def test_swapped_weights_are_noticed(saved, tmp_path):
    create_random_encoder("resnet10_small", image_size=28, seed=8).save(tmp_path / "other")
    (tmp_path / "other" / "model.safetensors").replace(saved / "model.safetensors")
    with pytest.raises(ArtefactError, match=r"not those its card\.json was written for"):
        Encoder.load(saved)


def test_a_card_of_another_version_is_refused(saved):
    edit_card(saved, colour="red", seed=...)
    with pytest.raises(ArtefactError, match=r"card\.json .*unknown fields \['colour'\] and lacks \['seed'\]"):
        Encoder.load(saved)


def test_saving_replaces_the_whole_encoder(saved, encoder, pixels):
    other = create_random_encoder("resnet10_small", image_size=28, seed=8)
    other.save(saved)
    assert torch.equal(Encoder.load(saved).encode(pixels), other.encode(pixels))


def test_normalise_against_the_definition(pixels):
    mean, std = (0.3, 0.4, 0.5), (0.1, 0.2, 0.3)
    expected = torch.stack([(pixels[:, c].double() / 255 - mean[c]) / std[c] for c in range(3)], dim=1)
    assert torch.allclose(normalise(pixels, mean=mean, std=std).double(), expected, atol=1e-5)


def test_a_card_survives_json():
    card = EncoderCard(architecture="resnet18", image_size=32, dim=512, method="simclr", seed=1, data={"target": "abc"})
    assert EncoderCard.from_dict(json.loads(json.dumps(card.__dict__))) == card
