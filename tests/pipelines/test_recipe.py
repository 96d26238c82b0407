"""What parameters come to for a training on given data."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from simcore.backbones import create_backbone
from simcore.errors import InputError
from simcore.images import DeviceViews, MultiViews
from simcore.parameters import check_parameters
from simcore.pipelines.recipe import Recipe, view_area
from tests.parameters.test_parameters import load


def recipe(*, n_target: int = 120, n_selected: int = 0, grey: bool = False, size: int = 28, **typed: Any) -> Recipe:
    """Return the recipe of an arm with the base's parameters."""
    tree = check_parameters(load("local", **typed))
    return Recipe(
        training=tree.pretraining,
        runtime=tree.runtime,
        purpose="coreset" if n_selected else "target",
        image_size=size,
        grey=grey,
        n_target=n_target,
        n_selected=n_selected,
    )


BESIDE = {"pretraining": {"method": "ehns_m"}, "comparison": {"arms": "x_os"}}


@pytest.mark.parametrize(("n_target", "batch"), [(60, 60), (100, 100), (5000, 100)])
def test_all_arms_share_a_batch_that_fits_x(n_target: int, batch: int, caplog: pytest.LogCaptureFixture) -> None:
    for n_selected in (0, 300):
        made = recipe(n_target=n_target, n_selected=n_selected)
        assert made.settings.resolved_batch_size(made.n_images) == batch
        caplog.clear()
        with caplog.at_level(logging.INFO):
            made.log()
        assert (f"Batches of {batch} images, not 100: X has {n_target}" in caplog.text) == (batch < 100)


def test_a_fixed_batch_is_kept_or_refused() -> None:
    fixed = {"pretraining": {"optimisation": {"batch_size": 32}}}
    assert recipe(n_target=60, **fixed).settings.resolved_batch_size(60) == 32
    with pytest.raises(InputError, match="`batch_size` is 32 but the training data has 20 images"):
        made = recipe(n_target=20, **fixed)
        made.settings.resolved_steps(made.n_images)


def test_machine_settings_come_from_runtime() -> None:
    settings = recipe(runtime={"threads": 3, "workers": 5, "device": "cpu", "processes": 2}).settings
    assert (settings.threads, settings.workers, settings.device, settings.processes) == (3, 5, "cpu", 2)


def test_jitter_follows_the_colours_of_x() -> None:
    for grey, jitter in ((True, 0.0), (False, 0.8)):
        made = recipe(grey=grey)
        ((view, count),) = made.views(made.create_method(seed=0), seed=0).groups
        assert (view.jitter, count) == (jitter, 2)
    typed = recipe(grey=True, pretraining={"views": {"jitter": 0.5}})
    assert typed.views(typed.create_method(seed=0), seed=0).groups[0][0].jitter == 0.5


def test_small_crops_have_their_own_size_and_scale() -> None:
    made = recipe(method="dino", size=64)
    large, small = made.views(made.create_method(seed=0), seed=0).groups
    assert (large[1], large[0].image_size, large[0].scale) == (2, 64, (0.3, 1.0))
    assert (small[1], small[0].image_size, small[0].scale) == (4, 27, (0.05, 0.3))
    patched = recipe(method="dino", size=64, pretraining={"backbone": "vit_tiny_16", "dino": {"local_views": 3}})
    _, small = patched.views(patched.create_method(seed=0), seed=0).groups
    assert (small[1], small[0].image_size) == (3, 32)  # 27.4 pixels, to the nearest 16
    without = recipe(method="dino", pretraining={"dino": {"local_views": 0}})
    assert len(without.views(without.create_method(seed=0), seed=0).groups) == 1


def test_views_are_made_where_the_parameters_say() -> None:
    for where, kind in (("workers", MultiViews), ("device", DeviceViews)):
        made = recipe(pretraining={"optimisation": {"views_on": where}})
        assert isinstance(made.views(made.create_method(seed=0), seed=0), kind)


def test_views_are_counted_by_their_area() -> None:
    assert view_area(recipe().training) == 2
    assert view_area(recipe(method="mae").training) == 1
    assert view_area(recipe(method="dino").training) == pytest.approx(2 + 4 * (96 / 224) ** 2)
    assert view_area(recipe(**BESIDE).training) == 3


def test_first_weights_are_in_every_copy_of_the_encoder(tmp_path) -> None:
    weights = create_backbone("resnet10_small", seed=99)
    torch.save(weights.state_dict(), tmp_path / "weights.pth")
    made = recipe(method="dino", pretraining={"initialise_from": str(tmp_path / "weights.pth")})
    method = made.create_method(seed=0)
    wanted = weights.state_dict()["conv1.weight"]
    copies = [tensor for name, tensor in method.state_dict().items() if name.endswith("conv1.weight")]
    assert sum(copy.shape == wanted.shape and torch.equal(copy, wanted) for copy in copies) == 2
    untouched = made.create_method(seed=0, fetch=False).encoder.state_dict()["conv1.weight"]
    assert not torch.equal(untouched, wanted)


@pytest.mark.parametrize("where", ["workers", "device"])
def test_origins_follow_the_views_where_the_method_asks_for_them(where: str) -> None:
    typed = {"pretraining": {"optimisation": {"views_on": where}}, "methods": {"ehns": {"ehns": {"anchors": "target"}}}}
    made = recipe(method="ehns", **typed)
    keys, image = ["openset:a", "target:a", "openset:target:b"], np.zeros((30, 30), dtype=np.uint8)
    for purpose, origins in (("target", [0, 1, 0]), ("retrieval", [1, 1, 1])):
        of_purpose = replace(made, purpose=purpose)
        views = of_purpose.views(of_purpose.create_method(seed=0), seed=0)
        if where == "device":
            drawn, last = views([image] * 3, step=1, keys=keys, device=torch.device("cpu"))
            assert drawn.shape == (2, 3, 3, 28, 28) and last.tolist() == [origins]
        else:
            seen = [views(image, step=1, key=key) for key in keys]
            assert all(drawn.shape == (2, 3, 28, 28) for drawn, _ in seen)
            assert [last.tolist() for _, last in seen] == [[origin] for origin in origins]
    of_all = recipe(method="ehns", pretraining={"optimisation": {"views_on": where}})
    assert isinstance(of_all.views(of_all.create_method(seed=0), seed=0), MultiViews | DeviceViews)


def test_the_openset_beside_x_makes_no_batches() -> None:
    made = recipe(n_target=120, n_selected=300, **BESIDE)
    assert (made.n_images, made.n_beside, made.settings.steps_per_epoch(made.n_images)) == (120, 300, 1)
    assert made.beside_batch_size == made.settings.resolved_batch_size(made.n_images) == 100
    few = recipe(n_target=120, n_selected=31, runtime={"processes": 2}, **BESIDE)
    assert few.beside_batch_size == 30
    ((view, count),) = made.beside_views(made.create_method(seed=0), seed=0).groups
    assert (view.image_size, view.jitter, count) == (28, 0.8, 1)
    mixed = recipe(n_target=120, n_selected=300)
    assert mixed.n_images == 420
    by_epochs = {"optimisation": {"steps": None, "epochs": 10, "warmup_steps": 0}}
    of_both = [
        recipe(n_target=120, n_selected=300, pretraining={"method": name, **by_epochs}, comparison={"arms": "x_os"})
        for name in ("ehns", "ehns_m")
    ]
    assert [made.settings.resolved_steps(made.n_images) for made in of_both] == [40, 10]
    assert [made.mixed_steps for made in of_both] == [40, 40]


def test_an_arm_without_x_or_openset_has_nothing_to_contrast() -> None:
    recipe(n_target=120, n_selected=300, **BESIDE).check_arm("x_os")
    for n_target, n_selected in ((120, 0), (0, 300)):
        made = recipe(n_target=n_target, n_selected=n_selected, **BESIDE)
        with pytest.raises(
            InputError,
            match=f"the arm `mine` has {n_target} images of X and {n_selected} of the open-set; choose another",
        ):
            made.check_arm("mine")
        recipe(n_target=n_target, n_selected=n_selected).check_arm("mine")
