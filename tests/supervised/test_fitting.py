"""Classifiers through the loop that pretrains: they learn, resume, and leave the encoder alone."""

import pytest
import torch

from simcore.backbones import Encoder, create_random_encoder
from simcore.errors import InputError
from simcore.images import TwoViews, ViewSettings
from simcore.supervised import LabelledViews, fit_classifier, rank_classes
from simcore.training import TrainingSettings
from tests.labelled_stores import make_stores

VIEW = ViewSettings(image_size=16, jitter=0.0, grayscale=0.0)
SETTINGS = TrainingSettings(
    epochs=6, batch_size=5, drop_last=False, learning_rate=0.05, schedule="steps", decay_after_epochs=(4,), workers=0
)
CLASSES = ("class0", "class1")


def encoder():
    return create_random_encoder("resnet10_small", image_size=16, seed=0)


@pytest.mark.parametrize(("frozen", "epochs"), [(True, 6), (False, 30)])
def test_it_learns_and_leaves_the_encoder_alone(tmp_path, frozen, epochs) -> None:
    train, test = make_stores(tmp_path)
    given = encoder()
    before = given.fingerprint
    method, result = fit_classifier(
        given,
        train,
        classes=CLASSES,
        view=VIEW,
        # Running statistics of batch norm need some steps to follow weights that move.
        settings=SETTINGS.model_copy(update={"epochs": epochs, "decay_after_epochs": (epochs - 2,)}),
        seed=0,
        workdir=tmp_path / "work",
        frozen=frozen,
    )
    assert Encoder(given.module, given.card).fingerprint == before
    ranked = rank_classes(method, test, mean=given.card.mean, std=given.card.std, image_size=16, top=2)
    true = [CLASSES.index(label) for label in test.labels]
    assert ranked.shape == (1, 8, 2)
    assert (ranked[0, :, 0] == true).all()
    assert sorted(ranked[0, 0].tolist()) == [0, 1]
    # 16 images in batches of 5, the last of 1 dropped.
    assert result.steps == epochs * 3


def test_an_interrupted_fit_ends_with_the_same_bits(tmp_path) -> None:
    train, _ = make_stores(tmp_path)
    given = {"classes": CLASSES, "view": VIEW, "seed": 0, "frozen": True, "rates": (1.0, 10.0)}
    settings = SETTINGS.model_copy(update={"checkpoint_every_seconds": 0.0})
    straight, _ = fit_classifier(encoder(), train, settings=settings, workdir=tmp_path / "straight", **given)

    class StopError(Exception):
        pass

    def stop(_: object) -> dict[str, float]:
        raise StopError

    probing = settings.model_copy(update={"probe_every_steps": 7})
    with pytest.raises(StopError):
        fit_classifier(encoder(), train, settings=probing, workdir=tmp_path / "cut", watch=stop, **given)
    resumed, _ = fit_classifier(encoder(), train, settings=settings, workdir=tmp_path / "cut", **given)
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_labels_are_part_of_a_run(tmp_path) -> None:
    train, _ = make_stores(tmp_path)
    views = TwoViews(VIEW, seed=0)
    numbers = {str(key): 0 for key in train.keys}
    other = {**numbers, str(train.keys[0]): 1}
    assert repr(LabelledViews(views, numbers)) != repr(LabelledViews(views, other))
    assert repr(LabelledViews(views, numbers)) == repr(LabelledViews(views, dict(reversed(numbers.items()))))


def test_a_label_that_is_no_class_names_its_image(tmp_path) -> None:
    train, _ = make_stores(tmp_path, classes=3)
    with pytest.raises(InputError, match=r"Image 'train/class2/0.png' has the label 'class2', which is none of the 2"):
        fit_classifier(
            encoder(), train, classes=CLASSES, view=VIEW, settings=SETTINGS, seed=0, workdir=tmp_path, frozen=True
        )
