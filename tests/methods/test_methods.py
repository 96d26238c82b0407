"""What holds for every method."""

import copy
import inspect

import pytest
import torch

from simcore.errors import InputError
from simcore.methods import METHODS, create_method
from tests.methods.worlds import SETTINGS, Means, adam, moments, random_views, small_method, small_vit, take_step

NAMES = sorted(METHODS)

# Parameters that no gradient reaches, by the start of their names.
FROZEN = {
    "simclr": (),
    "byol": ("target_backbone.", "target_projector."),
    "swav": (),
    "dino": ("teacher_backbone.", "teacher_head.", "student_head.last_layer.parametrizations.weight.original0"),
    "ehns": (),
    "ehns_m": (),
    "hns": (),
    "mae": ("masked.vit.pos_embed", "decoder.pos_embed"),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_but_the_frozen_ones_gets_a_gradient(name):
    method = small_method(name)
    method.loss(random_views(method)).backward()
    without = {key for key, parameter in method.named_parameters() if parameter.grad is None}
    assert without == {key for key, _ in method.named_parameters() if key.startswith(FROZEN[name])}
    assert without == {key for key, parameter in method.named_parameters() if not parameter.requires_grad}


@pytest.mark.parametrize("name", NAMES)
def test_a_run_goes_on_from_its_state_as_if_nothing_had_happened(name):
    run = moments()
    whole = small_method(name)
    optimiser = adam(whole)
    losses = [take_step(whole, optimiser, moment) for moment in run]

    first = small_method(name)
    optimiser = adam(first)
    for moment in run[:3]:
        take_step(first, optimiser, moment)
    state, optimiser_state = copy.deepcopy((first.state_dict(), optimiser.state_dict()))
    second = small_method(name, seed=9)
    optimiser = adam(second)
    second.load_state_dict(state)
    optimiser.load_state_dict(optimiser_state)
    assert [take_step(second, optimiser, moment) for moment in run[3:]] == losses[3:]
    for key, tensor in whole.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_some_steps_lower_the_loss_of_a_batch(name):
    method = small_method(name, **{"freeze_prototypes_epochs": 0} if name == "swav" else {})
    views = random_views(method, n=16)
    optimiser = torch.optim.Adam([parameter for parameter in method.parameters() if parameter.requires_grad], lr=1e-3)
    losses = []
    for _ in range(40):
        torch.manual_seed(0)
        loss = method.loss(views)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < losses[0] - 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_all_but_the_backbone_depends_on_the_seed_alone(name):
    def state(seed):
        backbone = small_vit() if name == "mae" else Means()
        return create_method(name, backbone, seed=seed, **SETTINGS[name]).state_dict()

    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = state(3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again, other = state(3), state(4)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", NAMES)
def test_the_encoder_is_left_without_heads_and_the_features_are_of_the_first_view(name):
    method = small_method(name)
    views = random_views(method)
    output = method(views)
    assert output.loss.shape == ()
    assert output.features.shape == (6, method.encoder.num_features)
    assert not output.features.requires_grad
    assert method.encoder(views[0]).shape == output.features.shape


@pytest.mark.parametrize("name", NAMES)
def test_the_hyper_parameters_are_all_settings_and_build_the_method_again(name):
    method = small_method(name)
    values = method.hyper_parameters
    assert set(values) == set(inspect.signature(METHODS[name]).parameters) - {"backbone", "seed"}
    assert {key: values[key] for key in SETTINGS[name]} == SETTINGS[name]
    again = create_method(name, small_vit() if name == "mae" else Means(), **values)
    assert again.hyper_parameters == values


@pytest.mark.parametrize("name", NAMES)
def test_another_number_of_views_is_refused(name):
    method = small_method(name)
    views = random_views(method)
    for wrong in (views[:-1], [*views, views[0]]):
        with pytest.raises(InputError, match=rf"`{name}` takes .* views of each image.*, {len(wrong)} were given"):
            method(wrong)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "mae"])
def test_the_loss_is_computed_in_float32_under_autocast(name):
    method = small_method(name).eval()
    seen = []
    hook = method.criterion.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = method.loss(random_views(method))
    hook.remove()
    again = method.criterion(*seen[0]) if name != "byol" else 4 + 2 * sum(method.criterion(*pair) for pair in seen)
    assert torch.equal(loss, again.squeeze())


@pytest.mark.parametrize("name", NAMES)
def test_under_autocast_loss_and_gradients_are_float32(name):
    method = small_method(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = method.loss(random_views(method))
    loss.backward()
    assert loss.dtype == torch.float32
    gradients = [parameter.grad for parameter in method.parameters() if parameter.requires_grad]
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("name", NAMES)
def test_the_forward_pass_compiles_to_one_graph(name):
    method = small_method(name)
    twin = copy.deepcopy(method)
    views = random_views(method)
    torch.manual_seed(0)
    expected = method.loss(views)
    torch.manual_seed(0)
    compiled = torch.compile(twin, backend="eager", fullgraph=True)
    assert torch.allclose(compiled(views).loss, expected, atol=1e-6)
    torch._dynamo.reset()
