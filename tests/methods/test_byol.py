"""BYOL against a slow statement of its loss, and its target network."""

import math

import pytest
import torch

from simcore.errors import InputError
from simcore.methods import BYOL, Moment
from tests.methods.worlds import Means, adam, moments, random_views, small_method, take_step


def slow_loss(predictions, targets):
    """Equation 2 of Grill et al. 2020 for both directions, summed; mean over images."""
    total = 0.0
    for rows, aims in ((predictions[0], targets[1]), (predictions[1], targets[0])):
        for q, z in zip(rows.double().tolist(), aims.double().tolist(), strict=True):
            product = sum(a * b for a, b in zip(q, z, strict=True))
            lengths = math.sqrt(sum(a * a for a in q)) * math.sqrt(sum(b * b for b in z))
            total += (2 - 2 * product / lengths) / len(rows)
    return total


@pytest.mark.parametrize("n", [2, 3, 16])
@pytest.mark.parametrize("dim", [2, 5])
def test_the_loss_is_two_less_twice_the_cosine_both_ways(n, dim):
    method = small_method("byol", projection_dim=dim)
    for parameter in method.target_projector.parameters():
        parameter.data += 0.1
    views = random_views(method, n=n)
    with torch.no_grad():
        predictions = [method.predictor(method.projector(method.backbone(view))) for view in views]
        targets = [method.target_projector(method.target_backbone(view)) for view in views]
    assert method.loss(views).item() == pytest.approx(slow_loss(predictions, targets), abs=1e-5)


def test_the_heads_are_those_of_the_paper():
    method = BYOL(Means())
    shapes = [tuple(layer.weight.shape) for head in (method.projector, method.predictor) for layer in head.layers[::3]]
    assert shapes == [(4096, 6), (256, 4096), (4096, 256), (256, 4096)]
    assert [type(layer).__name__ for layer in method.projector.layers] == ["Linear", "BatchNorm1d", "ReLU", "Linear"]


def test_the_target_starts_as_a_copy():
    method = small_method("byol")
    for online, target in ((method.backbone, method.target_backbone), (method.projector, method.target_projector)):
        assert all(torch.equal(a, b) for a, b in zip(online.parameters(), target.parameters(), strict=True))
        assert all(a is not b for a, b in zip(online.parameters(), target.parameters(), strict=True))


def test_after_a_step_the_target_is_the_moving_average_of_the_parameters():
    method = small_method("byol", momentum=0.7, momentum_end=0.9)
    before = {key: tensor.clone() for key, tensor in method.state_dict().items()}
    moment = Moment(step=2, total_steps=8, steps_per_epoch=2)
    take_step(method, adam(method), moment)
    after = method.state_dict()
    m = 0.9 - 0.2 * (1 + math.cos(math.pi / 4)) / 2
    assert method.curves() == {"momentum": pytest.approx(m)}
    for name in ("backbone", "projector"):
        for key, _ in getattr(method, name).named_parameters():
            expected = m * before[f"target_{name}.{key}"] + (1 - m) * after[f"{name}.{key}"]
            assert torch.allclose(after[f"target_{name}.{key}"], expected, atol=1e-6), key
            assert not torch.allclose(after[f"target_{name}.{key}"], before[f"target_{name}.{key}"], atol=1e-6), key


def test_running_statistics_of_the_target_are_those_of_its_own_passes():
    method = small_method("byol")
    method.loss(random_views(method))
    own = {key: tensor.clone() for key, tensor in method.target_backbone.named_buffers()}
    assert own["norm.num_batches_tracked"] == 2  # each view passes on its own
    method.backbone.norm.running_mean += 1
    method.after_step(moments()[0])
    assert all(torch.equal(own[key], tensor) for key, tensor in method.target_backbone.named_buffers())


def test_each_view_has_a_batch_norm_of_its_own():
    method = small_method("byol")
    views = random_views(method)
    shifted = [views[0], views[1] + 5]  # batch norm takes out the shift of a view if it sees that view alone
    assert method.loss(views).item() == pytest.approx(method.loss(shifted).item(), abs=1e-4)


def test_settings_out_of_range_are_refused():
    for name, value in (("momentum", 1.5), ("momentum_end", -1), ("hidden_dim", 0), ("projection_dim", 0)):
        with pytest.raises(InputError, match=f"`{name}` is {value}; it must be"):
            BYOL(Means(), **{name: value})
