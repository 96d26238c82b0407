"""Clean and published protocols: what each chooses, and what each looks at."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from simcore.backbones import create_random_encoder
from simcore.errors import InputError
from simcore.evaluation import training
from simcore.evaluation.protocols import Trial, judge
from simcore.evaluation.training import AUTHORS, LINEAR, LONG, Sight, shortened, train_and_judge
from simcore.supervised import Classifier
from tests.labelled_stores import make_stores

CLASSES = ("class0", "class1")
SIGHT = Sight(image_size=16, machine={"workers": 0, "device": "cpu"})
SHORT = replace(shortened(LINEAR, epochs=4), learning_rates=(0.01, 1.0))


class Recorder:
    """Stands for a way of training: a rate is right as often as `skill` says, after each epoch."""

    def __init__(self, skill, *, epochs=1) -> None:
        self.skill, self.epochs, self.fits, self.looks, self.names = skill, epochs, [], [], []

    def fit(self, store, rates, folder, name, watch):
        (folder / name).mkdir(parents=True, exist_ok=True)
        self.names.append(name)
        self.fits.append((len(store), tuple(rates)))
        for epoch in range(self.epochs):
            if watch is not None:
                watch((tuple(rates), epoch))
        return tuple(rates), self.epochs - 1

    def rank(self, classifier, store):
        rates, epoch = classifier
        self.looks.append((len(store), rates))
        true = np.array([CLASSES.index(label) for label in store.labels])
        ranked = []
        for rate in rates:
            right = round(self.skill[rate][epoch] * len(true))
            ranked.append(np.where(np.arange(len(true)) < right, true, 1 - true))
        return np.stack(ranked)[..., None]


def run(recorder, tmp_path, *, protocol, together=True, train=30, fingerprint="it"):
    stores = make_stores(tmp_path, train=train, test=5)
    trial = Trial(recorder.fit, recorder.rank, tuple(recorder.skill), together, fingerprint)
    return judge(
        trial, *stores, classes=CLASSES, evaluation="linear", protocol=protocol, seed=0, workdir=tmp_path / "work"
    )


def chosen(outcome):
    return {record["metric"]: record["value"] for record in outcome.records()}


@pytest.mark.parametrize("together", [True, False])
def test_clean_looks_at_the_test_images_once(tmp_path, together) -> None:
    recorder = Recorder({100.0: [1.0], 1.0: [0.5], 10.0: [1.0]})
    outcome = run(recorder, tmp_path, protocol="clean", together=together)
    assert [len_of for len_of, _ in recorder.looks].count(10) == 1
    assert recorder.fits[-1] == (60, (10.0,))
    assert all(size == 48 for size, _ in recorder.fits[:-1])
    assert [record["value"] for record in outcome.records() if record["metric"] == "learning_rate"] == [10.0]
    assert {record["protocol"] for record in outcome.records()} == {"clean"}


@pytest.mark.parametrize("together", [True, False])
def test_published_takes_the_best_look_at_the_test_images(tmp_path, together) -> None:
    recorder = Recorder({1.0: [0.5, 0.9, 0.6], 10.0: [0.7, 0.2, 0.8]}, epochs=3)
    outcome = run(recorder, tmp_path, protocol="published", together=together)
    values = {record["metric"]: record["value"] for record in outcome.records()}
    assert values["top1"] == pytest.approx(0.9)
    assert values["learning_rate"] == 1.0
    assert all(size == 60 for size, _ in recorder.fits)


class Biased(Recorder):
    """At first all images are taken for the larger class; then all of the smaller are right, and three of five."""

    def rank(self, classifier, store):
        _, epoch = classifier
        predicted = [0, 0, 0, 0, 0, 0] if epoch == 0 else [0, 0, 0, 1, 1, 1]
        return np.array(predicted)[None, :, None]


@pytest.mark.parametrize(("metric", "predicted"), [("top1", [0] * 6), ("mean_per_class", [0, 0, 0, 1, 1, 1])])
def test_published_chooses_by_the_measure_of_the_data_set(tmp_path, metric, predicted) -> None:
    train, test = make_stores(tmp_path, test=5)
    test = test.subset(test.keys[:6])
    recorder = Biased({1.0: []}, epochs=3)
    trial = Trial(recorder.fit, recorder.rank, (1.0,), True, "it")
    outcome = judge(
        trial, train, test, classes=CLASSES, evaluation="linear", protocol="published", seed=0, workdir=tmp_path,
        metric=metric,
    )  # fmt: skip
    assert outcome.predicted.tolist() == predicted


def test_looks_of_another_training_in_the_same_folder_do_not_count(tmp_path) -> None:
    best = run(Recorder({1.0: [0.9]}), tmp_path / "one", protocol="published", fingerprint="one")
    assert chosen(best)["top1"] == pytest.approx(0.9)
    stores = make_stores(tmp_path / "two", test=5)
    for fingerprint, skill in (("other", 0.3), ("one", 0.5), ("other", 0.2)):
        recorder = Recorder({1.0: [skill]})
        trial = Trial(recorder.fit, recorder.rank, (1.0,), True, fingerprint)
        found = judge(
            trial, *stores, classes=CLASSES, evaluation="linear", protocol="published", seed=0, workdir=tmp_path
        )
        assert chosen(found)["top1"] == pytest.approx({"other": 0.3, "one": 0.5}[fingerprint])


@pytest.mark.parametrize("protocol", ["clean", "published"])
def test_encoders_that_share_a_folder_keep_their_results(tmp_path, protocol) -> None:
    train, test = make_stores(tmp_path)
    arguments = {"classes": CLASSES, "recipe": SHORT, "sight": SIGHT, "evaluation": "linear", "seed": 0}
    encoders = [create_random_encoder("resnet10_small", image_size=16, seed=seed) for seed in (0, 1)]
    alone, shared = (
        [
            train_and_judge(encoder, train, test, protocol=protocol, workdir=tmp_path / folder, **arguments).records()
            for encoder, folder in zip(encoders, folders, strict=True)
        ]
        for folders in (("a", "b"), ("c", "c"))
    )
    assert shared == alone


@pytest.mark.parametrize(
    ("train", "held_out", "fits"), [(5, 2, 2), (1, 0, 1)], ids=["one image a class", "none can be held out"]
)
def test_a_choice_on_few_images_is_warned_of(tmp_path, caplog, train, held_out, fits) -> None:
    recorder = Recorder({10.0: [0.9], 1.0: [0.9]})
    outcome = run(recorder, tmp_path, protocol="clean", train=train)
    assert chosen(outcome)["learning_rate"] == 1.0
    assert len(recorder.fits) == fits
    [message] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f"linear: the learning rate is chosen on {held_out} held-out images of {2 * train}" in message
    caplog.clear()
    run(Recorder({10.0: [0.9], 1.0: [0.9]}), tmp_path / "many", protocol="clean", train=30)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize(
    ("protocol", "together", "names"),
    [
        ("clean", True, ["held_out", "all"]),
        ("clean", False, ["held_out/rate-1", "held_out/rate-31.6228", "all"]),
        ("published", True, ["published"]),
        ("published", False, ["published/rate-1", "published/rate-31.6228"]),
    ],
)
def test_every_training_has_a_name_of_its_own(tmp_path, protocol, together, names) -> None:
    recorder = Recorder({1.0: [0.5], 31.622776601683793: [1.0]})
    run(recorder, tmp_path, protocol=protocol, together=together)
    assert recorder.names == names


class Curves:
    """Keeps what it is given under a name."""

    def __init__(self, kept, name) -> None:
        self.kept, self.name = kept, name

    def log(self, metrics, *, step) -> None:
        self.kept.setdefault(self.name, []).append((step, dict(metrics)))


def test_curves_of_held_out_and_final_training_stand_apart(tmp_path) -> None:
    train, test = make_stores(tmp_path)
    encoder = create_random_encoder("resnet10_small", image_size=16, seed=0)
    arguments = {"classes": CLASSES, "recipe": SHORT, "sight": SIGHT, "evaluation": "linear", "seed": 0}
    kept: dict[str, list] = {}
    for protocol in ("clean", "published"):
        train_and_judge(
            encoder, train, test, protocol=protocol, workdir=tmp_path / protocol,
            make_reporter=lambda name: Curves(kept, name), **arguments,
        )  # fmt: skip
    assert list(kept) == ["held_out", "all", "published"]
    for rows in kept.values():
        steps = [step for step, _ in rows]
        assert steps == sorted(set(steps))
    assert {"test_top1_rate_0.01", "test_top1_rate_1"} <= set(kept["published"][-1][1])


def test_a_single_rate_needs_no_validation(tmp_path) -> None:
    recorder = Recorder({3.0: [1.0]})
    run(recorder, tmp_path, protocol="clean")
    assert recorder.fits == [(60, (3.0,))]


def test_augmented_linear_evaluation_learns_and_says_its_protocol(tmp_path) -> None:
    train, test = make_stores(tmp_path)
    encoder = create_random_encoder("resnet10_small", image_size=16, seed=0)
    before = {name: value.clone() for name, value in encoder.module.state_dict().items()}
    arguments = {"classes": CLASSES, "recipe": SHORT, "sight": SIGHT, "evaluation": "linear", "seed": 0}
    values = {}
    for protocol in ("clean", "published"):
        outcome = train_and_judge(encoder, train, test, protocol=protocol, workdir=tmp_path / protocol, **arguments)
        values[protocol] = {record["metric"]: record["value"] for record in outcome.records()}
        assert outcome.protocol == protocol
    assert values["clean"]["top1"] == 1.0
    # The drifting statistics of an untrained network may cost the published protocol everything.
    assert values["published"]["top1"] >= 0.5
    assert all(torch.equal(value, before[name]) for name, value in encoder.module.state_dict().items())


def test_published_drifts_the_statistics_of_batch_norm_and_clean_does_not(tmp_path, monkeypatch) -> None:
    train, test = make_stores(tmp_path)
    encoder = create_random_encoder("resnet10_small", image_size=16, seed=0)
    buffers = {name: value.clone() for name, value in encoder.module.named_buffers()}
    ended = []
    original = training.fit_classifier

    def spy(*args, **kwargs):
        method, result = original(*args, **kwargs)
        ended.append(any(not torch.equal(value, buffers[name]) for name, value in method.backbone.named_buffers()))
        return method, result

    monkeypatch.setattr(training, "fit_classifier", spy)
    arguments = {"classes": CLASSES, "recipe": SHORT, "sight": SIGHT, "evaluation": "linear", "seed": 0}
    train_and_judge(encoder, train, test, protocol="clean", workdir=tmp_path / "a", **arguments)
    assert not any(ended)
    ended.clear()
    train_and_judge(encoder, train, test, protocol="published", workdir=tmp_path / "b", **arguments)
    assert all(ended)


def test_recipes_are_those_of_the_paper() -> None:
    linear = LINEAR.settings(1000, rate=1.0, sight=SIGHT, look_every_epoch=False)
    assert [round(rate, 2) for rate in LINEAR.learning_rates] == [1.0, 3.16, 10.0, 31.62, 100.0]
    assert (linear.epochs, linear.batch_size, linear.weight_decay) == (100, 256, 0.0)
    assert (linear.optimiser, linear.decay_after_epochs, linear.decay_factor) == ("sgd", (60, 80), 0.1)
    authors = AUTHORS.settings(1000, rate=0.1, sight=SIGHT, look_every_epoch=True)
    assert (authors.epochs, authors.weight_decay, AUTHORS.learning_rates) == (100, 1e-4, (0.1, 0.03, 0.01))
    assert authors.probe_every_steps == 4
    long = LONG.settings(1000, rate=0.03, sight=SIGHT, look_every_epoch=False)
    assert (long.epochs, long.schedule, long.weight_decay, LONG.learning_rates) == (200, "cosine", 1e-4, (0.03,))


def test_what_cannot_be_judged(tmp_path) -> None:
    train, test = make_stores(tmp_path, classes=3)
    trial = Trial(None, None, (1.0,), True, "it")
    given = {"evaluation": "linear", "seed": 0, "workdir": tmp_path}
    classes = ("class0", "class1", "class2")
    with pytest.raises(InputError, match="`protocol` is 'paper'; allowed are clean, published"):
        judge(trial, train, test, classes=classes, protocol="paper", **given)
    fewer = train.subset([key for key in train.keys if "class2" not in key])
    untrained = "Test class 'class2' has no training image, and test image 'test/class2/0.png' is of it"
    with pytest.raises(InputError, match=untrained):
        judge(trial, fewer, test, classes=classes, protocol="clean", **given)


@pytest.mark.parametrize("protocol", ["clean", "published"])
def test_an_interrupted_evaluation_goes_on_where_it_was(tmp_path, monkeypatch, protocol) -> None:
    train, test = make_stores(tmp_path)
    encoder = create_random_encoder("resnet10_small", image_size=16, seed=0)
    sight = replace(SIGHT, machine={**SIGHT.machine, "checkpoint_every_seconds": 0})
    arguments = {
        "classes": CLASSES, "recipe": replace(shortened(LONG, epochs=6), learning_rates=(0.01,)), "sight": sight,
        "evaluation": "finetune", "protocol": protocol, "seed": 0,
    }  # fmt: skip
    straight = train_and_judge(encoder, train, test, workdir=tmp_path / "straight", **arguments)
    steps = []
    original = Classifier.forward

    def counted(self, views):
        steps.append(len(steps))
        if len(steps) == 4:
            raise KeyboardInterrupt
        return original(self, views)

    monkeypatch.setattr(Classifier, "forward", counted)
    with pytest.raises(KeyboardInterrupt):
        train_and_judge(encoder, train, test, workdir=tmp_path / "broken", **arguments)
    again = train_and_judge(encoder, train, test, workdir=tmp_path / "broken", **arguments)
    assert len(steps) == 4 + 3  # of six, three were done
    assert np.array_equal(again.ranked, straight.ranked) and again.records() == straight.records()
