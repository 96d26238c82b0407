"""DINO's head against lightly's."""

import copy
import warnings

import torch
from lightly.models.modules import DINOProjectionHead

from simcore.methods.heads import WeightNormHead


def test_the_head_is_lightlys_with_another_weight_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs = DINOProjectionHead(6, 8, 4, 10)
    ours = WeightNormHead(6, 8, 4, 10)
    ours.layers.load_state_dict(theirs.layers.state_dict())
    ours.gain.data.copy_(theirs.last_layer.weight_g)
    ours.last_layer.parametrizations.weight.original1.data.copy_(theirs.last_layer.weight_v)
    rows = torch.randn(5, 6)
    assert torch.allclose(ours(rows), theirs(rows), atol=1e-6)


def test_a_head_can_be_copied_after_a_pass():
    head = WeightNormHead(6, 8, 4, 10)
    rows = torch.randn(5, 6)
    expected = head(rows)
    assert torch.equal(copy.deepcopy(head)(rows), expected)
