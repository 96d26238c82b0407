"""Encoders from folders, files, timm and nowhere."""

import json
import logging

import huggingface_hub.constants
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from simcore.backbones import Encoder, create_backbone, create_random_encoder, initialise, load_encoder
from simcore.errors import ArtefactError, InputError
from tests.backbones.weights import shake, uint8_images


@pytest.fixture
def folder(tmp_path):
    encoder = create_random_encoder("resnet10_small", image_size=28, seed=4, mean=(0.1, 0.2, 0.3))
    shake(encoder.module)
    encoder.save(tmp_path / "encoder")
    return tmp_path / "encoder"


@pytest.fixture
def torchvision_file(tmp_path):
    torch.manual_seed(0)
    network = shake(torchvision.models.resnet18())
    torch.save(network.state_dict(), tmp_path / "resnet18.pth")
    return tmp_path / "resnet18.pth", network


def test_a_folder_of_ours(folder):
    encoder = load_encoder(folder, image_size=224)
    assert encoder.card == Encoder.load(folder).card
    assert encoder.fingerprint == Encoder.load(folder).fingerprint
    assert load_encoder(str(folder), architecture="resnet10_small").fingerprint == encoder.fingerprint
    with pytest.raises(InputError, match="is a `resnet10_small`, but `resnet18` is asked for"):
        load_encoder(folder, architecture="resnet18")


def test_a_file_of_torchvision(torchvision_file):
    path, theirs = torchvision_file
    encoder = load_encoder(path, architecture="resnet18", image_size=32)
    theirs.fc = nn.Identity()
    pixels = uint8_images(32)
    normalised = torchvision.transforms.Normalize(encoder.card.mean, encoder.card.std)(pixels / 255)
    with torch.no_grad():
        assert torch.allclose(encoder.encode(pixels), theirs(normalised), atol=1e-4)
    card = encoder.card
    assert (card.architecture, card.method, card.image_size, card.dim) == ("resnet18", "file", 32, 512)
    assert card.settings == {"source": "resnet18.pth", "remarks": ["left out fc.weight, fc.bias"]}
    assert len(card.data["weights"]) == 64


def test_an_encoder_from_a_file_is_saved_and_loaded(torchvision_file, tmp_path):
    encoder = load_encoder(torchvision_file[0], architecture="resnet18", image_size=32, mean=(0.5,) * 3, std=(0.2,) * 3)
    encoder.save(tmp_path / "ours")
    loaded = load_encoder(tmp_path / "ours")
    assert loaded.card == encoder.card
    assert (loaded.card.mean, loaded.card.std) == ((0.5,) * 3, (0.2,) * 3)
    assert loaded.fingerprint == encoder.fingerprint


def test_our_weights_without_their_card(folder):
    """The file of a folder alone: the architecture must be said, and so must what the card knew."""
    encoder = load_encoder(
        folder / "model.safetensors", architecture="resnet10_small", image_size=28, mean=(0.1, 0.2, 0.3)
    )
    assert encoder.fingerprint == load_encoder(folder).fingerprint


def test_an_untrained_encoder():
    encoder = load_encoder("random:resnet10_small", image_size=28, seed=5)
    expected = create_random_encoder("resnet10_small", image_size=28, seed=5)
    assert encoder.card == expected.card
    assert encoder.fingerprint == expected.fingerprint


@pytest.mark.parametrize(
    ("spec", "settings", "words"),
    [
        ("resnet50", {}, r"`resnet50` is no encoder: .*write `random:resnet50`.*`timm:<name>` for pretrained"),
        ("nowhere/encoder", {}, r"no such file or folder\. Give a folder written by `Encoder.save`, a weight file"),
        ("random:resnet19", {}, "Unknown encoder `random:resnet19`"),
        ("timm:resnet1", {}, r"no model `resnet1`.*Near names"),
        ("timm:vit_tiny_patch16_224", {"image_size": 28}, "nearest allowed: 16 or 32"),
        ("timm:resnet18", {"architecture": "resnet18"}, "is a `timm:resnet18`, but `resnet18` is asked for"),
        ("random:resnet18", {"architecture": "resnet50"}, "is a `resnet18`, but `resnet50` is asked for"),
        ("random:resnet10_small", {"device": "tpu"}, "`device` is 'tpu'; allowed are"),
    ],
)
def test_what_is_not_understood_is_refused(spec, settings, words):
    with pytest.raises(InputError, match=words):
        load_encoder(spec, **settings)


def test_a_file_needs_its_architecture(torchvision_file):
    path, _ = torchvision_file
    with pytest.raises(
        InputError, match=r"does not say what network it is for; give `architecture`, one of .*resnet18"
    ):
        load_encoder(path)
    with pytest.raises(InputError, match="Unknown encoder `resnet19`"):
        load_encoder(path, architecture="resnet19")
    with pytest.raises(InputError, match="nearest allowed"):
        load_encoder(path, architecture="vit_tiny_16", image_size=28)
    with pytest.raises(ArtefactError, match=r"resnet18\.pth do not fit `resnet50`; missing keys: .*conv3"):
        load_encoder(path, architecture="resnet50", image_size=32)


@pytest.fixture
def hub(monkeypatch):
    """timm's downloads answered from here: weights of the asked name, classifier included."""
    served = {}

    def answer(hub_id, *arguments, **settings):
        name = hub_id.removeprefix("timm/")
        if name not in served:
            served[name] = shake(timm.create_model(name.split(".")[0])).state_dict()
        return dict(served[name])

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", answer)
    monkeypatch.setattr(
        "timm.models._builder._resolve_pretrained_source", lambda config: ("hf-hub", config["hf_hub_id"])
    )
    return served


def test_pretrained_weights_of_timm(hub):
    generator = torch.get_rng_state()
    encoder = load_encoder("timm:resnet18.a1_in1k", image_size=32)
    assert torch.equal(torch.get_rng_state(), generator)
    (state,) = hub.values()
    own = encoder.module.state_dict()
    assert own.keys() == state.keys() - {"fc.weight", "fc.bias"}
    assert all(torch.equal(tensor, state[name]) for name, tensor in own.items())
    assert (encoder.card.architecture, encoder.card.method) == ("timm:resnet18.a1_in1k", "timm")
    assert load_encoder("timm:resnet18", image_size=32).card.settings["remarks"] == ["left out fc.weight, fc.bias"]


def test_pretrained_transformers_come_with_their_normalisation_and_are_resampled(hub, tmp_path):
    encoder = load_encoder("timm:vit_tiny_patch16_224", image_size=64)
    assert encoder.card.mean == encoder.card.std == (0.5, 0.5, 0.5)
    assert encoder.card.settings["remarks"] == [
        "left out head.weight, head.bias",
        "position embedding resampled from 197 to 17 tokens",
    ]
    (state,) = hub.values()
    theirs = timm.create_model("vit_tiny_patch16_224", num_classes=0, dynamic_img_size=True).eval()
    theirs.load_state_dict({name: tensor for name, tensor in state.items() if not name.startswith("head.")})
    pixels = uint8_images(64)
    with torch.no_grad():
        assert torch.allclose(encoder.encode(pixels), theirs(pixels / 127.5 - 1), atol=1e-4)
    encoder.save(tmp_path / "encoder")
    assert Encoder.load(tmp_path / "encoder").fingerprint == encoder.fingerprint


@pytest.mark.parametrize("use", ["load", "initialise"])
def test_a_failed_download_is_an_error(monkeypatch, tmp_path, use):
    """Offline, through timm and the hub's own client."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(ArtefactError, match=r"weights of `timm:resnet18` could not be loaded \(.+never put instead\)"):
        if use == "load":
            load_encoder("timm:resnet18", image_size=32)
        else:
            initialise(create_backbone("resnet18"), "timm:resnet18", architecture="resnet18")


@pytest.mark.parametrize("name", ["dla46_c", "resnet18"])
def test_a_download_without_all_weights_is_an_error(hub, name):
    """timm loads some models, DLA among them, with whatever the file has."""
    load_encoder(f"timm:{name}", image_size=32)
    (state,) = hub.values()
    lost = next(key for key, tensor in state.items() if tensor.ndim == 4)
    del state[lost]
    with pytest.raises(ArtefactError, match=f"weights of `timm:{name}` (are incomplete: .*{lost}|could not be loaded)"):
        load_encoder(f"timm:{name}", image_size=32)


def test_a_model_without_pretrained_weights_is_refused():
    with pytest.raises(InputError, match=r"no pretrained weights for `botnet50ts_256`.*`random:timm:botnet50ts_256`"):
        load_encoder("timm:botnet50ts_256", image_size=256)


def loaded_from(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def test_initialise_from_a_folder(folder):
    network = create_backbone("resnet10_small", image_size=32, seed=9)
    line = initialise(network, folder, architecture="resnet10_small")
    assert all(
        torch.equal(a, loaded_from(network)[name]) for name, a in Encoder.load(folder).module.state_dict().items()
    )
    assert line.startswith(f"{folder} (random; 0 steps), fingerprint ")
    assert "\n" not in line


def test_initialise_from_a_file(torchvision_file):
    path, theirs = torchvision_file
    network = create_backbone("resnet18", seed=9)
    line = initialise(network, str(path), architecture="resnet18")
    state = theirs.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert "left out fc.weight, fc.bias" in line


def test_initialise_from_timm(hub):
    network = create_backbone("resnet18", seed=9)
    initialise(network, "timm:resnet18", architecture="resnet18")
    (state,) = hub.values()
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_initialise_at_random_changes_nothing():
    network = create_backbone("resnet10_small", seed=9)
    before = loaded_from(network)
    assert initialise(network, "random:resnet10_small", architecture="resnet10_small").startswith(
        "random:resnet10_small (as drawn)"
    )
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    with pytest.raises(InputError, match="is a `resnet18`, but `resnet10_small` is asked for"):
        initialise(network, "random:resnet18", architecture="resnet10_small")


def test_lines_tell_weights_apart(folder, tmp_path):
    create_random_encoder("resnet10_small", image_size=28, seed=5).save(tmp_path / "other")
    marks = set()
    for source in (folder, tmp_path / "other"):
        network = create_backbone("resnet10_small")
        marks.add(initialise(network, source, architecture="resnet10_small").split("fingerprint ")[1])
    assert len(marks) == 2
    assert all(len(mark) == 16 for mark in marks)


def test_initialise_resamples_the_position_embedding(tmp_path, caplog):
    create_random_encoder("vit_tiny_4", image_size=32, seed=3).save(tmp_path / "small")
    network = create_backbone("vit_tiny_4", image_size=64, seed=1)
    with caplog.at_level(logging.INFO, logger="simcore"):
        line = initialise(network, tmp_path / "small", architecture="vit_tiny_4")
    assert "position embedding resampled from 65 to 257 tokens" in line
    assert "resampled" in caplog.text


def test_initialise_from_another_architecture_is_refused(folder):
    with pytest.raises(ArtefactError, match=r"\(`resnet10_small`\) do not fit `resnet18`; missing keys: layer1\.1"):
        initialise(create_backbone("resnet18"), folder, architecture="resnet18")
    with pytest.raises(InputError, match="is no encoder: there is no such file"):
        initialise(create_backbone("resnet18"), folder / "gone.pth", architecture="resnet18")


def test_a_file_that_needs_unpickling_is_refused(tmp_path):
    torch.save({"state_dict": {}, "network": nn.Linear(1, 1)}, tmp_path / "run.ckpt")
    with pytest.raises(InputError, match="could run code of the file, so it is refused"):
        load_encoder(tmp_path / "run.ckpt", architecture="resnet18")


def test_a_card_of_a_given_encoder_is_plain_json(torchvision_file, tmp_path):
    load_encoder(torchvision_file[0], architecture="resnet18", image_size=32).save(tmp_path / "ours")
    card = json.loads((tmp_path / "ours" / "card.json").read_text())
    assert card["settings"]["source"] == "resnet18.pth"


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_files(folder, tmp_path, half):
    state = Encoder.load(folder).module.state_dict()
    save_file({n: t.to(half) if t.is_floating_point() else t for n, t in state.items()}, tmp_path / "half.safetensors")
    encoder = load_encoder(tmp_path / "half.safetensors", architecture="resnet10_small", image_size=28)
    assert encoder.encode(uint8_images(28)).dtype == torch.float32
    assert {t.dtype for t in encoder.module.parameters()} == {torch.float32}
