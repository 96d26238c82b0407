"""MAE against a slow statement of its forward pass and targets, and the encoder that is kept."""

import math

import numpy as np
import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer

from simcore.backbones import create_backbone
from simcore.errors import InputError
from simcore.methods import MAE
from tests.methods.worlds import random_views, small_method, small_vit


def draw_order(method, n):
    """The mask of the next forward pass under seed 5: kept and hidden patches of each image, counted from 0."""
    torch.manual_seed(5)
    noise = torch.rand(n, 17)[:, 1:]
    order = noise.argsort(dim=1).tolist()
    kept = int(16 * (1 - method.mask_ratio))
    return [row[:kept] for row in order], [row[kept:] for row in order]


def slow_loss(method, images, *, normalise):
    """Section 3 of He et al. 2022, image by image; pixels compared in float64, patch by patch."""
    vit, decoder = method.encoder, method.decoder
    kept, hidden = draw_order(method, len(images))
    total, count = 0.0, 0
    for image, visible, masked in zip(images, kept, hidden, strict=True):
        places = vit.pos_embed[0]
        corners = [(2 * (p // 4), 2 * (p % 4)) for p in range(16)]
        patches = [image[:, y : y + 2, x : x + 2] for y, x in corners]
        tokens = [vit.cls_token[0, 0] + places[0]]
        for p in visible:
            weight, bias = vit.patch_embed.proj.weight, vit.patch_embed.proj.bias
            tokens.append((weight * patches[p]).sum(dim=(1, 2, 3)) + bias + places[1 + p])
        encoded = method.decoder_embed(vit.norm(vit.blocks(torch.stack(tokens)[None])))[0]
        rows = [encoded[0]] + [
            encoded[1 + visible.index(p)] if p in visible else decoder.mask_token[0, 0] for p in range(16)
        ]
        decoded = decoder.norm(decoder.blocks((torch.stack(rows) + decoder.pos_embed[0])[None]))[0]
        for p in masked:
            guess = method.decoder_predict(decoded[1 + p]).double().tolist()
            # Pixels row by row, the three channels of a pixel together.
            pixels = [patches[p][c, y, x].double().item() for y in range(2) for x in range(2) for c in range(3)]
            if normalise:
                mean = sum(pixels) / 12
                variance = sum((value - mean) ** 2 for value in pixels) / 11
                pixels = [(value - mean) / math.sqrt(variance + 1e-6) for value in pixels]
            total += sum((a - b) ** 2 for a, b in zip(guess, pixels, strict=True))
            count += 12
    return total / count


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("mask_ratio", [0.3, 0.75, 0.9])
@pytest.mark.parametrize("normalise", [True, False])
@torch.no_grad()
def test_the_loss_is_the_error_of_the_masked_pixels(n, mask_ratio, normalise):
    method = small_method("mae", mask_ratio=mask_ratio, normalise_targets=normalise)
    views = random_views(method, n=n)
    torch.manual_seed(5)
    loss = method.loss(views).item()
    assert loss == pytest.approx(slow_loss(method, views[0], normalise=normalise), abs=1e-5)


def test_the_mask_is_drawn_anew_for_each_seed_of_the_step():
    method = small_method("mae")
    views = random_views(method)
    losses = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        losses.append(method.loss(views).item())
    assert losses[0] == losses[1] != losses[2]


def test_position_embeddings_are_the_fixed_two_dimensional_sine_cosine():
    method = small_method("mae", decoder_dim=16)
    for table, dim in ((method.encoder.pos_embed, 12), (method.decoder.pos_embed, 16)):
        expected = np.zeros((17, dim))
        quarter = dim // 4
        for place in range(16):
            for half, coordinate in enumerate((place % 4, place // 4)):
                for i in range(quarter):
                    angle = coordinate / 10000 ** (i / quarter)
                    expected[1 + place, half * 2 * quarter + i] = math.sin(angle)
                    expected[1 + place, half * 2 * quarter + quarter + i] = math.cos(angle)
        assert np.abs(table[0].detach().numpy() - expected).max() < 1e-6
        assert not table.requires_grad


def test_an_untrained_backbone_gets_the_originals_weights_and_a_trained_one_keeps_its_own():
    fresh = small_vit(embed_dim=96, num_heads=4)
    MAE(fresh, decoder_dim=8, decoder_heads=2)
    bound = math.sqrt(6 / (96 + 3 * 96))
    assert fresh.blocks[0].attn.qkv.weight.abs().max().item() == pytest.approx(bound, rel=0.01)

    trained = small_vit()
    with torch.no_grad():
        trained.blocks[1].norm1.weight[0] += 0.1
    before = {key: tensor.clone() for key, tensor in trained.state_dict().items()}
    method = MAE(trained, decoder_dim=8, decoder_heads=2)
    assert all(torch.equal(before[key], tensor) for key, tensor in method.encoder.state_dict().items())
    assert not trained.pos_embed.requires_grad


def test_the_encoder_is_a_plain_vision_transformer():
    method = small_method("mae")
    assert type(method.encoder) is VisionTransformer
    plain = small_vit(seed=9)
    plain.load_state_dict(method.encoder.state_dict())
    images = random_views(method)[0]
    assert torch.equal(plain(images), method.encoder(images))
    assert method.embedding == "patch_mean"


def test_a_backbone_of_any_image_size_is_masked_alike():
    images = torch.randn(3, 3, 8, 8)
    losses = []
    for dynamic in (False, True):
        method = MAE(small_vit(dynamic_img_size=dynamic), decoder_dim=8, decoder_heads=2)
        torch.manual_seed(5)
        losses.append(method.loss([images]).item())
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_the_decoder_is_the_papers():
    method = MAE(small_vit())
    assert method.decoder_embed.weight.shape == (512, 12)
    assert len(method.decoder.blocks) == 8
    assert method.decoder.blocks[0].attn.num_heads == 16
    assert method.decoder_predict.weight.shape == (2 * 2 * 3, 512)


@pytest.mark.parametrize(
    "backbone",
    [
        create_backbone("resnet10_small"),
        small_vit(global_pool="avg"),
        small_vit(reg_tokens=2),
        small_vit(img_size=(8, 16)),
        timm.create_model("deit_tiny_distilled_patch16_224", depth=1, num_classes=0),
    ],
    ids=["convolutional", "averaged", "registers", "oblong", "two tokens"],
)
def test_other_backbones_are_refused_with_the_names_of_those_that_work(backbone):
    with pytest.raises(InputError, match=r"masks the patches of a plain vision transformer.*`timm:vit_"):
        MAE(backbone)


def test_views_of_another_size_than_the_backbones_are_refused():
    method = MAE(small_vit(dynamic_img_size=True), decoder_dim=8, decoder_heads=2)
    with pytest.raises(InputError, match="The views are 6x6 pixels and the backbone was built for 8x8"):
        method([torch.zeros(2, 3, 6, 6)])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mask_ratio", 0),
        ("mask_ratio", 1),
        ("mask_ratio", 0.99),
        ("decoder_dim", 36),
        ("decoder_dim", 0),
        ("decoder_depth", 0),
        ("decoder_heads", 0),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(InputError, match=f"`{name}` is {value}; it must be"):
        MAE(small_vit(), **{name: value})
