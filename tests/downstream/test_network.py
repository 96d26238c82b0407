"""A classifier as a part of a method: what it sees, and that looking leaves no trace."""

from dataclasses import replace

import torch

from simcore.backbones import create_random_encoder, normalise
from simcore.downstream.network import ClassNetwork, seeded_linear, view_store
from simcore.images import eval_pixels
from simcore.supervised.classifier import head_of
from tests.labelled_stores import make_stores


def test_features_and_logits_are_those_of_a_classifier() -> None:
    encoder = create_random_encoder("resnet10_small", image_size=16, seed=0)
    network = ClassNetwork(encoder.module, class_count=3, seed=1).eval()
    pixels = torch.randn(4, 3, 16, 16)
    features, logits = network.predict(pixels)
    torch.testing.assert_close(features, encoder.module(pixels))
    torch.testing.assert_close(logits, network.logits(pixels)[0])
    assert head_of(encoder.card) == "linear"
    assert head_of(replace(encoder.card, method="mae")) == "normalised"


def test_layers_without_bias_and_of_other_seeds_differ() -> None:
    first, same, other = (seeded_linear(8, 4, seed=seed, bias=False) for seed in (0, 0, 1))
    assert first.bias is None and torch.equal(first.weight, same.weight) and not torch.equal(first.weight, other.weight)
    assert first.weight.abs().max() <= 8**-0.5


def test_centre_views_come_in_order_and_the_module_is_put_back(tmp_path) -> None:
    store, _ = make_stores(tmp_path, train=5)
    encoder = create_random_encoder("resnet10_small", image_size=16, seed=0)
    network = ClassNetwork(encoder.module, class_count=2, seed=0).train()
    card = encoder.card
    before = torch.get_rng_state()
    seen = view_store(network, store, mean=card.mean, std=card.std, image_size=16, resize_ratio=256 / 224, batch_size=4)
    modes, parts = zip(*((network.training, images) for images in seen), strict=True)
    assert not any(modes) and all(module.training for module in network.modules())
    assert [len(part) for part in parts] == [4, 4, 2] and torch.equal(before, torch.get_rng_state())
    pixels = eval_pixels(store, image_size=16, resize_ratio=256 / 224)
    torch.testing.assert_close(torch.cat(parts), normalise(pixels, mean=card.mean, std=card.std))
