"""The methods through the loop that pretrains: they learn, resume, and never see the labels of unlabelled images."""

import json

import numpy as np
import pytest
import torch

from simcore.backbones import Encoder, create_random_encoder
from simcore.downstream.semi_supervised import SEMI_SUPERVISED, check_pools, create_semi_supervised, fit_semi_supervised
from simcore.downstream.semi_supervised.base import Known
from simcore.errors import InputError
from simcore.images import ImageStore, ViewSettings, read_source
from simcore.supervised import LabelledViews, rank_classes
from simcore.training import Beside, TrainingSettings, pretrain
from tests.downstream.semi_supervised.worlds import Flat
from tests.labelled_stores import make_stores
from tests.training.groups import run_group
from tests.training.worlds import ArrayStore, NoisyViews, make_settings

WEAK = ViewSettings(image_size=16, jitter=0.0, grayscale=0.0)
STRONG = ViewSettings(image_size=16, jitter=0.0, grayscale=0.0, rand_augment=(2, 10))
SETTINGS = TrainingSettings(
    steps=3, batch_size=4, learning_rate=0.03, workers=0, log_every=1, checkpoint_every_seconds=0, threads=1
)
CLASSES = ("class0", "class1")


class StopError(Exception):
    pass


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return create_random_encoder("resnet10_small", image_size=16, seed=0)


@pytest.fixture
def stores(tmp_path) -> tuple[ImageStore, ImageStore, ImageStore]:
    """Labelled (3 a class), unlabelled and test images."""
    train, test = make_stores(tmp_path)
    keys = [str(key) for key in train.keys]
    labelled = [key for key in keys if int(key.rpartition("/")[2][0]) < 3]
    return train.subset(labelled), train.subset([key for key in keys if key not in labelled]), test


def fit(encoder, labelled, unlabelled, workdir, method, *, settings=SETTINGS, **more):
    return fit_semi_supervised(
        encoder,
        labelled,
        unlabelled,
        classes=CLASSES,
        method=method,
        weak=WEAK,
        strong=STRONG,
        seed=0,
        workdir=workdir,
        settings=settings,
        **more,
    )


def assert_same(left, right):
    for name, value in left.state_dict().items():
        assert torch.equal(value, right.state_dict()[name]), name


@pytest.mark.parametrize("method", SEMI_SUPERVISED)
def test_three_steps_and_an_interrupted_run_ends_with_the_same_bits(encoder, stores, tmp_path, method):
    labelled, unlabelled, _ = stores
    before = encoder.fingerprint
    straight, result = fit(encoder, labelled, unlabelled, tmp_path / "straight", method)
    assert result.steps == 3
    assert np.isfinite(result.curves["loss"]).all()
    assert Encoder(encoder.module, encoder.card).fingerprint == before

    def stop(_: object) -> dict[str, float]:
        raise StopError

    probing = SETTINGS.model_copy(update={"probe_every_steps": 2})
    with pytest.raises(StopError):
        fit(encoder, labelled, unlabelled, tmp_path / "cut", method, settings=probing, watch=stop)
    resumed, again = fit(encoder, labelled, unlabelled, tmp_path / "cut", method)
    assert_same(straight, resumed)
    assert again.curves["loss"].tolist() == result.curves["loss"].tolist()


@pytest.mark.parametrize("method", ["fixmatch", "remixmatch"])
def test_labels_of_unlabelled_images_change_nothing(encoder, stores, tmp_path, method):
    """Not even the class shares, which the published code takes from all training images."""
    labelled, unlabelled, _ = stores
    manifest = read_source(tmp_path / "images").manifest
    hidden = manifest[manifest["key"].isin(unlabelled.keys)].assign(label=None)
    one, _ = fit(encoder, labelled, unlabelled, tmp_path / "one", method)
    other, _ = fit(encoder, labelled, ImageStore(hidden), tmp_path / "other", method)
    assert_same(one, other)


def test_class_shares_are_those_of_the_labelled_images(encoder, stores, tmp_path):
    labelled, unlabelled, _ = stores
    keys = [key for key in labelled.keys if key not in {"train/class1/0.png", "train/class1/1.png"}]
    method, _ = fit(encoder, labelled.subset(keys), unlabelled, tmp_path, "remixmatch")
    assert method.wanted.tolist() == [0.75, 0.25]


def test_fixmatch_learns(encoder, stores, tmp_path):
    labelled, unlabelled, test = stores
    settings = SETTINGS.model_copy(update={"steps": 60, "checkpoint_every_seconds": 1e9})
    method, result = fit(encoder, labelled, unlabelled, tmp_path, "fixmatch", settings=settings)
    card = encoder.card
    ranked = rank_classes(method, test, mean=card.mean, std=card.std, image_size=16, top=1)
    assert (ranked[0, :, 0] == [CLASSES.index(label) for label in test.labels]).all()
    assert result.curves["loss"].iloc[-1] < result.curves["loss"].iloc[0] / 2
    assert result.curves["certain"].iloc[-1] > 0.5


@pytest.mark.parametrize(("ratio", "size"), [(1.0, 4), (2.0, 8), (100.0, 10)])
def test_unlabelled_images_a_step(encoder, stores, tmp_path, ratio, size):
    labelled, unlabelled, _ = stores
    fit(encoder, labelled, unlabelled, tmp_path, "fixmatch", unlabelled_ratio=ratio)
    (facts,) = tmp_path.glob("*/run.json")
    assert json.loads(facts.read_text())["beside"]["batch_size"] == size


def test_supervised_takes_no_unlabelled_images(encoder, stores, tmp_path):
    labelled, unlabelled, _ = stores
    one, _ = fit(encoder, labelled, unlabelled, tmp_path / "one", "supervised")
    other, _ = fit(encoder, labelled, unlabelled.subset([]), tmp_path / "other", "supervised")
    assert torch.equal(one.weights[0], other.weights[0])


def test_another_method_is_another_run(encoder, stores, tmp_path, caplog):
    labelled, unlabelled, _ = stores
    fit(encoder, labelled, unlabelled, tmp_path, "fixmatch")
    with caplog.at_level("WARNING"):
        fit(encoder, labelled, unlabelled, tmp_path, "flexmatch")
    assert "differs in initial_weights, method; it is not resumed" in caplog.text


def test_bad_input_is_told_before_anything_is_trained(encoder, stores, tmp_path):
    labelled, unlabelled, _ = stores
    one_class = labelled.subset([key for key in labelled.keys if "class0" in key])
    with pytest.raises(InputError, match="3 labelled images have none of the class 'class1'; label some"):
        fit(encoder, one_class, unlabelled, tmp_path / "work", "fixmatch")
    with pytest.raises(
        InputError, match="All 6 training images are labelled, so there is no unlabelled one for mixmatch"
    ):
        fit(encoder, labelled, unlabelled.subset([]), tmp_path / "work", "mixmatch")
    with pytest.raises(InputError, match="Unknown semi-supervised method `fixmach`"):
        fit(encoder, labelled, unlabelled, tmp_path / "work", "fixmach")
    with pytest.raises(InputError, match="`beside` has 1 images and a `batch_size` of 1"):
        fit(encoder, labelled, unlabelled.subset(unlabelled.keys[:1]), tmp_path / "work", "fixmatch")
    assert not (tmp_path / "work").exists()


def test_many_empty_classes_are_counted():
    classes = [f"class{number}" for number in range(9)]
    with pytest.raises(
        InputError, match="none of the classes 'class1', 'class2', 'class3', 'class4', 'class5' and 3 more"
    ):
        check_pools(["class0"], classes=classes, unlabelled=5, methods=["fixmatch"])


class Small(Flat):
    """Of images of 16 x 16 pixels: the middle 4 x 4."""

    def forward(self, images):
        return super().forward(images[:, :, 6:10, 6:10])


def array_store(n, first):
    pixels = np.random.default_rng(first).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)
    return ArrayStore(pixels, np.array([f"image-{number}" for number in range(first, first + n)]))


def train_flat(workdir, name, steps):
    """Train without batch norm, whose statistics parts do not share."""
    labelled, unlabelled = array_store(8, 0), array_store(12, 100)
    method = create_semi_supervised(name, Small(), known=Known(3, (0.5, 0.3, 0.2), 12), seed=1)
    with torch.no_grad():
        method.weights[0].mul_(10)
    count = sum(count for _, count in method.unlabelled_views)
    views = {key: place for place, key in enumerate(unlabelled.keys)}
    result = pretrain(
        method,
        labelled,
        views=LabelledViews(OneView(), {key: place % 3 for place, key in enumerate(labelled.keys)}),
        settings=make_settings(steps=steps, batch_size=4, optimiser="sgd", warmup_steps=0, learning_rate=0.01),
        seed=3,
        workdir=workdir,
        beside=Beside(unlabelled, LabelledViews(OneView(count), views), 6),
    )
    return result.state


class OneView(NoisyViews):
    """The first views of noise."""

    def __init__(self, count=1):
        super().__init__(seed=count)

    def __call__(self, image, *, step, key):
        pairs = [NoisyViews(number)(image, step=step, key=key)[:1] for number in range(self.seed)]
        return torch.cat(pairs)


def test_flexmatch_of_two_processes_is_that_of_one(tmp_path):
    one = train_flat(tmp_path / "one", "flexmatch", 6)
    first, second = run_group(train_flat, tmp_path / "two", "flexmatch", 6)
    assert len(set(one["chosen"].tolist())) > 1
    for name, value in one.items():
        assert np.array_equal(first[name], second[name])
        np.testing.assert_allclose(first[name], value, rtol=1e-4, atol=1e-6)


def test_guesses_of_all_processes_count_for_the_running_mean(tmp_path):
    """At the first step no weight has moved, so that the mean is that of the joint batch."""
    one = train_flat(tmp_path / "one", "remixmatch", 1)
    first, second = run_group(train_flat, tmp_path / "two", "remixmatch", 1)
    assert np.array_equal(first["found"], second["found"])
    np.testing.assert_allclose(first["found"], one["found"], rtol=1e-5)
