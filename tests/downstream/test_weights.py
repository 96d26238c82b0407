"""A network is proved to stand on the encoder that was given: names and values, each way that they can differ."""

import copy

import pytest
import torch
from torch import nn

from simcore.backbones import Encoder, create_random_encoder
from simcore.downstream.detection import Detector
from simcore.downstream.segmentation import Segmenter
from simcore.downstream.weights import check_weights
from simcore.errors import ArtefactError
from simcore.methods import Method


def encoder() -> Encoder:
    return create_random_encoder("resnet10_small", image_size=32, seed=0)


def networks(given: Encoder) -> dict[str, Method]:
    return {
        "segmentation network": Segmenter(copy.deepcopy(given.module), image_size=32, seed=0),
        "detector": Detector(copy.deepcopy(given.module), class_count=1, seed=0, width=16),
    }


@pytest.mark.parametrize("inside", ["segmentation network", "detector"])
def test_every_weight_and_buffer_is_proved(inside: str) -> None:
    given = encoder()
    module = networks(given)[inside].encoder
    check_weights(module, given, inside=inside)
    with torch.no_grad():
        module.layer3[0].downsample[0].weight[0, 0, 0, 0] += 1e-6
        module.bn1.running_mean.add_(1)
    with pytest.raises(ArtefactError) as caught:
        check_weights(module, given, inside=inside)
    assert str(caught.value) == (
        f"The {inside} does not hold the weights of the encoder `resnet10_small`; other values: bn1.running_mean, "
        "layer3.0.downsample.0.weight."
    )


def test_missing_and_left_over_weights_are_listed() -> None:
    given = encoder()
    lacking = copy.deepcopy(given.module)
    del lacking.layer1[0].bn1
    lacking.more = nn.Linear(1, 1, bias=False)
    with pytest.raises(ArtefactError, match=r"not loaded: layer1.0.bn1.bias, .*; left over: more.weight"):
        check_weights(given.module, Encoder(lacking, given.card), inside="detector")
