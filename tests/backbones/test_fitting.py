"""State dicts in the layouts people have."""

import logging

import pytest
import timm
import torch

from simcore.backbones import create_backbone
from simcore.backbones.fitting import fit_weights
from simcore.errors import ArtefactError
from tests.backbones.weights import images, shake

SMALL = "resnet10_small"


@pytest.fixture
def given():
    return shake(create_backbone(SMALL, seed=7)).state_dict()


def fit(state, *, name=SMALL, size=32):
    network = create_backbone(name, image_size=size, seed=1)
    return network, fit_weights(network, state, source="a file", architecture=name)


def under(prefix, state):
    return {prefix + name: tensor for name, tensor in state.items()}


def equal(network, state):
    own = network.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[name], state[name]) for name in own)


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "module.",
        "backbone.",
        "encoder.",
        "model.",
        "encoder_q.",
        "base_encoder.",
        "module.encoder_q.",
        "module.base_encoder.",
        "model.backbone.",
        "_orig_mod.module.",
        "a.name.nobody.thought.of.",
    ],
)
def test_the_prefix_of_a_wrapper_is_taken_off(given, prefix):
    network, remarks = fit(under(prefix, given))
    assert equal(network, given)
    assert remarks == ([f"names without `{prefix}`"] if prefix else [])


@pytest.mark.parametrize(
    "heads",
    [
        ["fc.weight", "fc.bias"],
        ["fc.0.weight", "fc.2.weight"],
        ["head.mlp.0.weight", "head.last_layer.weight_v"],
        ["projection_head.0.weight", "projection_head.1.running_mean", "prototypes.weight"],
        ["projector.layers.0.weight", "predictor.layers.0.weight"],
        ["classifier.1.weight"],
    ],
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_heads_are_left_out_and_named(given, prefix, heads, caplog):
    state = under(prefix, {**given, **{name: torch.zeros(3) for name in heads}})
    with caplog.at_level(logging.INFO, logger="simcore"):
        network, remarks = fit(state)
    assert equal(network, given)
    assert f"left out {', '.join(heads)}" in remarks
    assert all(name in caplog.text for name in heads)


@pytest.mark.parametrize(
    ("meant", "other"),
    [
        ("module.encoder_q.", "module.encoder_k."),
        ("module.base_encoder.", "module.momentum_encoder."),
        ("teacher.backbone.", "student.backbone."),
        ("backbone.", "backbone_momentum."),
        ("online_encoder.net.", "target_encoder.net."),
        ("model.", "model_ema."),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_of_a_pair_the_one_that_is_meant_is_taken(given, meant, other, first):
    """And no head's name makes the choice: both networks hold every name."""
    second = create_backbone(SMALL, seed=8).state_dict()
    parts = [under(meant, given), under(other, second)]
    state = {**parts[not first], **parts[first], "queue": torch.zeros(3, 5)}
    network, remarks = fit(state)
    assert equal(network, given)
    assert remarks[0] == f"names without `{meant}`"
    assert remarks[1].startswith("left out ")


def test_two_networks_without_a_hint_are_refused(given):
    with pytest.raises(ArtefactError, match=r"a file holds several networks that fit, under `left\.`, `right\.`"):
        fit(under("left.", given) | under("right.", given))


def test_a_file_without_batch_counters_is_taken(given):
    """As PyTorch wrote them before 0.4.1."""
    old = {name: tensor for name, tensor in given.items() if not name.endswith("num_batches_tracked")}
    network, remarks = fit(old)
    assert equal(network, given)
    assert remarks == ["batch norm counters set to zero"]


def test_half_precision_is_widened(given):
    network, _ = fit({name: t.half() if t.is_floating_point() else t for name, t in given.items()})
    assert all(
        t.dtype == torch.float32 and torch.equal(t, given[name].half().float())
        for name, t in network.state_dict().items()
        if t.is_floating_point()
    )


def test_names_that_differ_are_listed_and_nothing_is_changed(given):
    network = create_backbone(SMALL, seed=1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    wrong = {**given, "layer9.0.conv1.weight": torch.zeros(1), "bn1.weight": torch.zeros(5)}
    del wrong["layer1.0.conv1.weight"]
    with pytest.raises(ArtefactError) as caught:
        fit_weights(network, under("module.", wrong), source="a file", architecture=SMALL)
    assert str(caught.value) == (
        "The weights in a file do not fit `resnet10_small`; missing keys: layer1.0.conv1.weight; "
        "unexpected keys: layer9.0.conv1.weight; other shapes: bn1.weight (5,) instead of (16,)."
    )
    assert equal(network, before)


@pytest.mark.parametrize(
    ("file", "network", "words"),
    [
        ("resnet34", "resnet18", r"unexpected keys: layer1\.2\.bn1"),
        ("resnet18", "timm:resnet34", r"missing keys: layer1\.2\.bn1"),
        ("resnet18", "vit_tiny_4", r"missing keys: blocks\.0.*unexpected keys: bn1"),
        ("efficientnet_b0", "resnet18", "do not fit `resnet18`; missing keys"),
        ("vit_tiny_patch16_224", "vit_tiny_4", r"other shapes: patch_embed\.proj\.weight \(192, 3, 16, 16\)"),
    ],
)
def test_weights_of_another_architecture_are_refused(file, network, words):
    state = timm.create_model(file, num_classes=7).state_dict()
    with pytest.raises(ArtefactError, match=words):
        fit(state, name=network)


@pytest.mark.parametrize("size", [16, 48])
def test_a_position_embedding_of_another_size_is_resampled(size):
    given = create_backbone("vit_tiny_4", image_size=32, seed=3).eval()
    network, remarks = fit(given.state_dict(), name="vit_tiny_4", size=size)
    tokens = (size // 4) ** 2 + 1
    assert remarks == [f"position embedding resampled from 65 to {tokens} tokens"]
    grid = given.pos_embed[:, 1:].detach().reshape(1, 8, 8, 192).permute(0, 3, 1, 2)
    smooth = torch.nn.functional.interpolate(grid, size=(size // 4, size // 4), mode="bicubic", antialias=True)
    assert torch.equal(network.pos_embed[:, 0], given.pos_embed[:, 0])
    assert torch.allclose(network.pos_embed[:, 1:], smooth.flatten(2).transpose(1, 2), atol=1e-6)
    # The function is that of the given network when it is shown images of the other size.
    with torch.no_grad():
        assert torch.allclose(network.eval()(images(size)), given(images(size)), atol=1e-5)


def test_a_position_embedding_that_is_no_square_is_refused():
    state = create_backbone("vit_tiny_4", image_size=32).state_dict()
    with pytest.raises(ArtefactError, match=r"other shapes: pos_embed \(1, 60, 192\) instead of \(1, 17, 192\)"):
        fit({**state, "pos_embed": state["pos_embed"][:, :60]}, name="vit_tiny_4", size=16)


def test_a_masked_autoencoder_leaves_its_decoder(given):
    state = create_backbone("vit_tiny_4", image_size=32, seed=3).state_dict()
    decoder = ["mask_token", "decoder_pos_embed", "decoder_embed.weight", "decoder_blocks.0.norm1.weight"]
    network, remarks = fit({**state, **{name: torch.zeros(1) for name in decoder}}, name="vit_tiny_4")
    assert equal(network, state)
    assert remarks == [f"left out {', '.join(decoder)}"]
