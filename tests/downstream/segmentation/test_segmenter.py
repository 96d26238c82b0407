"""The training: it learns masks by heart, leaves a frozen encoder alone, and resumes to the bit."""

import copy

import pytest
import torch

from simcore.backbones import create_backbone, create_random_encoder
from simcore.downstream.segmentation import (
    IGNORED,
    CropSettings,
    SegmentationRecipe,
    Segmenter,
    fit_segmenter,
    masked_part,
    mean_iou,
    measure_segmenter,
    read_masks,
)
from simcore.errors import InputError
from simcore.images import ImageStore
from tests.downstream.segmentation.worlds import make_manifest

MACHINE = {"workers": 0, "device": "cpu", "threads": 1, "checkpoint_every_seconds": 0.0}
SMALL = SegmentationRecipe(
    crop=CropSettings(image_size=32, base_ratio=1.0, scale=(1.0, 1.25)),
    epochs=2,
    batch_size=4,
    learning_rates=(0.01,),
)


def encoder():
    return create_random_encoder("resnet10_small", image_size=32, seed=0)


@pytest.fixture
def world(tmp_path):
    part = masked_part(make_manifest(tmp_path / "images"), "train")
    return ImageStore(part), read_masks(part)


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_eight_images_are_learnt_by_heart(tmp_path, world) -> None:
    store, masks = world
    recipe = SegmentationRecipe(
        crop=CropSettings(image_size=32, base_ratio=1.0, scale=(1.0, 1.0), flip=0.0),
        epochs=25,
        batch_size=4,
        output_stride=8,
        dilations=(1, 2, 3),
        frozen=False,
    )
    given = encoder()
    before = state(given.module)
    method, result = fit_segmenter(
        given, store, masks, recipe=recipe, rate=0.02, seed=0, workdir=tmp_path, machine=MACHINE
    )
    card = given.card
    confusion, _ = measure_segmenter(method, store, masks, mean=card.mean, std=card.std, image_size=32)
    assert mean_iou(confusion) > 0.9
    assert result.steps == 50
    assert all(torch.equal(value, before[name]) for name, value in given.module.state_dict().items())
    moved = [name for name, value in method.encoder.named_parameters() if not torch.equal(value, before[name])]
    assert len(moved) == len(list(method.encoder.parameters()))


def test_a_frozen_encoder_keeps_weights_and_buffers(tmp_path, world) -> None:
    store, masks = world
    given = encoder()
    before = state(given.module)
    method, _ = fit_segmenter(given, store, masks, recipe=SMALL, rate=0.01, seed=0, workdir=tmp_path, machine=MACHINE)
    found = method.encoder.state_dict()
    assert found.keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in found.items())
    fresh = Segmenter(copy.deepcopy(given.module), image_size=32, seed=0)
    still = [
        name
        for name, value in method.named_parameters()
        if "backbone." not in name and torch.equal(value, fresh.state_dict()[name])
    ]
    assert not still


def test_an_interrupted_fit_ends_with_the_same_bits(tmp_path, world) -> None:
    store, masks = world

    class StopError(Exception):
        pass

    def stop(_: object) -> dict[str, float]:
        raise StopError

    def fit(folder, **changes):
        method, _ = fit_segmenter(
            encoder(), store, masks, recipe=SMALL, rate=0.01, seed=0, workdir=tmp_path / folder, machine=MACHINE,
            **changes,
        )  # fmt: skip
        return method.state_dict()

    straight = fit("straight")
    with pytest.raises(StopError):
        fit("cut", watch=stop)
    resumed = fit("cut")
    assert straight.keys() == resumed.keys()
    assert all(torch.equal(value, resumed[name]) for name, value in straight.items())


def test_only_pixels_that_count_teach() -> None:
    method = Segmenter(create_backbone("resnet10_small", seed=0), image_size=32, seed=0).eval()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    classes = torch.randint(0, 2, (2, 32, 32), generator=torch.Generator().manual_seed(1))
    scores = method.network(images)
    by_hand = -scores.log_softmax(dim=1).gather(1, classes[:, None])[:, 0]
    counted = torch.zeros(2, 32, 32, dtype=torch.bool)
    counted[0, :5] = True
    partly = torch.where(counted, classes, torch.full_like(classes, IGNORED)).to(torch.int16)
    torch.testing.assert_close(method([images, partly]).loss, by_hand[counted].mean())
    nothing = method([images, torch.full((2, 32, 32), IGNORED, dtype=torch.int16)])
    assert nothing.loss.item() == 0


def test_the_head_learns_ten_times_as_fast() -> None:
    method = Segmenter(create_backbone("resnet10_small", seed=0), image_size=32, seed=0, frozen=False)
    scales = {name: method.rate_scale(name) for name, _ in method.named_parameters()}
    assert {scale for name, scale in scales.items() if "backbone." in name} == {1.0}
    assert {scale for name, scale in scales.items() if "backbone." not in name} == {10.0}
    assert sum("backbone." in name for name in scales) == len(list(method.encoder.parameters()))


@pytest.mark.parametrize(("name", "size"), [("resnet10_small", 28), ("resnet10_small", 64), ("resnet18", 33)])
def test_small_images_and_odd_sides(name, size) -> None:
    method = Segmenter(create_backbone(name, image_size=size, seed=0), image_size=size, seed=0)
    masks = torch.randint(0, 2, (2, size, size), dtype=torch.int16)
    output = method([torch.zeros(2, 3, size, size), masks])
    output.loss.backward()
    assert torch.isfinite(output.loss)
    assert method.predict(torch.zeros(2, 3, size, size)).shape == (2, size, size)


def test_first_weights_depend_on_the_seed_alone() -> None:
    def head(seed):
        network = Segmenter(create_backbone("resnet10_small", seed=0), image_size=32, seed=seed).network
        return network.decoder[0][0].weight

    before = torch.get_rng_state()
    first = head(1)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, head(1))
    assert not torch.equal(first, head(2))


def test_one_image_is_too_few_and_few_make_one_batch(tmp_path, world, caplog) -> None:
    store, masks = world
    caplog.set_level("INFO")
    settings = {"recipe": SMALL, "rate": 0.01, "seed": 0, "machine": MACHINE}
    with pytest.raises(InputError, match=r"Image 'train-00.png' is all there is to train a segmentation on"):
        fit_segmenter(encoder(), store.subset(["train-00.png"]), masks, workdir=tmp_path, **settings)
    _, result = fit_segmenter(encoder(), store.subset(store.keys[:3]), masks, workdir=tmp_path, **settings)
    assert (result.batch_size, result.steps) == (3, 2)
    assert "There are 3 images for batches of 4: all of them make one." in caplog.text
