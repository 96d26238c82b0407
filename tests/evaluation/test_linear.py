"""The linear probe against torch.optim.SGD and scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from simcore.errors import InputError
from simcore.evaluation import linear
from simcore.evaluation.labels import LabelledFeatures
from simcore.evaluation.linear import (
    LEARNING_RATES,
    FeatureScaling,
    choose_learning_rate,
    linear_probe,
    stratified_folds,
    train_linear,
)


def slow_training(features, classes, *, class_count, learning_rate, seed, epochs, batch_size):
    """One rate, by torch's own layer, optimiser, loss and schedule."""
    n, dim = features.shape
    generator = torch.Generator().manual_seed(seed)
    start = (torch.rand(dim + 1, class_count, generator=generator) * 2 - 1) * dim**-0.5
    layer = torch.nn.Linear(dim, class_count)
    with torch.no_grad():
        layer.weight.copy_(start[:-1].T)
        layer.bias.copy_(start[-1])
    optimiser = torch.optim.SGD(layer.parameters(), lr=learning_rate, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [epochs * 60 // 100, epochs * 80 // 100])
    for _ in range(epochs):
        for rows in torch.randperm(n, generator=generator).split(batch_size):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(layer(features[rows]), classes[rows]).backward()
            optimiser.step()
        schedule.step()
    return layer.weight.detach().T, layer.bias.detach()


@pytest.mark.parametrize(("n", "dim", "batch_size", "epochs"), [(17, 3, 256, 100), (40, 8, 16, 20), (33, 5, 32, 10)])
def test_all_rates_at_once_are_each_rate_alone(n, dim, batch_size, epochs):
    generator = torch.Generator().manual_seed(n)
    features = torch.randn(n, dim, generator=generator) / dim**0.5
    classes = torch.randint(0, 3, (n,), generator=generator)
    settings = {"class_count": 3, "seed": 4, "epochs": epochs, "batch_size": batch_size}
    weights, biases = train_linear(features, classes, learning_rates=LEARNING_RATES[:3], **settings)
    for number, rate in enumerate(LEARNING_RATES[:3]):
        weight, bias = slow_training(features, classes, learning_rate=rate, **settings)
        torch.testing.assert_close(weights[number], weight, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(biases[number], bias, rtol=1e-3, atol=1e-3)


def test_the_rates_are_the_papers():
    np.testing.assert_allclose(LEARNING_RATES, [1, 3.1623, 10, 31.623, 100], rtol=1e-4)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("dim", [4, 64, 700])
def test_as_good_as_logistic_regression(clouds, classes, dim, scale):
    """120 training images, whatever the scale of the features and however many dimensions they have."""
    noise = dim**0.5 / 2.5
    train, test = (
        clouds(n, dim=dim, seed=seed, noise=noise, scale=scale, shift=5 * scale) for n, seed in ((40, 1), (400, 2))
    )
    value = linear_probe(train.features, train.labels, test.features, test.labels, classes=classes, seed=0).records()[
        0
    ]["value"]
    scaler = StandardScaler().fit(train.features)
    reference = max(
        LogisticRegression(C=c, max_iter=5000)
        .fit(scaler.transform(train.features), train.labels)
        .score(scaler.transform(test.features), test.labels)
        for c in (0.01, 0.1, 1.0, 10.0)
    )
    assert value > 0.4
    assert value > reference - 0.05


def test_records_are_flat_and_complete(clouds, classes):
    train, test = clouds(10, dim=6, seed=1), clouds(20, dim=6, seed=2)
    outcome = linear_probe(train.features, train.labels, test.features, test.labels, classes=classes, seed=3)
    records = outcome.records()
    assert [record["metric"] for record in records] == ["top1", "mean_per_class", "learning_rate"]
    assert all(record["evaluation"] == "linear" and record["protocol"] == "clean cached" for record in records)
    assert all(record["n"] == 60 for record in records)
    assert records[2]["value"] in LEARNING_RATES
    again = linear_probe(train.features, train.labels, test.features, test.labels, classes=classes, seed=3)
    assert records == again.records() and np.array_equal(outcome.ranked, again.ranked)


def test_the_test_labels_decide_nothing(clouds, classes):
    """With other test labels the layer, and so its predictions, are the same."""
    train, test = clouds(10, dim=6, seed=1, noise=3), clouds(20, dim=6, seed=2, noise=3)
    straight, turned = (
        linear_probe(train.features, train.labels, test.features, labels, classes=classes, seed=0)
        for labels in (test.labels, test.labels[::-1])
    )
    assert np.array_equal(straight.ranked, turned.ranked) and straight.records() != turned.records()


def test_separable_classes_as_logistic_regression_says(clouds, classes):
    """Twin: where a plane parts the classes both name every image alike, all of them right."""
    train, test = (clouds(40, dim=16, seed=seed, noise=0.2) for seed in (1, 2))
    reference = LogisticRegression(C=100.0, max_iter=2000).fit(train.features, train.labels)
    outcome = linear_probe(train.features, train.labels, test.features, test.labels, classes=classes, seed=0)
    assert [classes[number] for number in outcome.predicted] == reference.predict(test.features).tolist()
    assert outcome.records()[0]["value"] == 1.0


def test_a_class_that_the_test_images_lack_is_fine(clouds, classes):
    train, test = clouds(10, dim=6, seed=1), clouds(20, dim=6, seed=2)
    there = test.labels != "cat"
    outcome = linear_probe(
        train.features, train.labels, test.features[there], test.labels[there], classes=classes, seed=0
    )
    assert outcome.per_class()["class"].tolist() == ["bear", "cow"]


def test_a_single_rate_is_taken_as_it_is(clouds, classes):
    train, test = clouds(1, dim=6, seed=1), clouds(5, dim=6, seed=2)
    outcome = linear_probe(
        train.features,
        train.labels,
        test.features,
        test.labels,
        classes=classes,
        seed=0,
        learning_rates=[3.0],
        epochs=3,
    )
    assert outcome.choices == {"learning_rate": 3.0}


def test_the_order_of_the_test_images_does_not_matter(clouds, classes):
    train, test = clouds(10, dim=6, seed=1, noise=3), clouds(20, dim=6, seed=2, noise=3)
    order = np.random.default_rng(0).permutation(len(test.labels))
    straight = linear_probe(train.features, train.labels, test.features, test.labels, classes=classes, seed=0)
    mixed = linear_probe(
        train.features, train.labels, test.features[order], test.labels[order], classes=classes, seed=0
    )
    assert straight.records() == mixed.records()


def test_scaling_brings_any_features_to_unit_mean_square(clouds):
    features = clouds(30, dim=9, seed=1, scale=40, shift=-300).features
    scaled = FeatureScaling.fit(features).apply(features)
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(9), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.square().sum(dim=1).mean(), torch.tensor(1.0), atol=1e-5, rtol=0)


def test_scaling_keeps_the_geometry(clouds):
    features = clouds(10, dim=9, seed=1, scale=0.02, shift=5).features
    distances = torch.cdist(*[torch.from_numpy(features).double()] * 2)
    scaled = torch.cdist(*[FeatureScaling.fit(features).apply(features).double()] * 2)
    ratio = scaled[~torch.eye(30, dtype=torch.bool)] / distances[~torch.eye(30, dtype=torch.bool)]
    torch.testing.assert_close(ratio, ratio[0].expand_as(ratio), rtol=1e-3, atol=0)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1])
def test_equal_features_leave_chance_not_an_error(classes, value):
    labels, same = np.array([*classes * 4]), np.full((12, 3), value, dtype=np.float32)
    records = linear_probe(same, labels, same, labels, classes=classes, seed=0).records()
    assert records[0]["value"] == pytest.approx(1 / 3)


@given(counts=st.lists(st.integers(1, 12), min_size=2, max_size=5), seed=st.integers(0, 100))
def test_folds_are_stratified(counts, seed):
    classes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    folds = stratified_folds(classes, folds=5, seed=seed)
    for number, count in enumerate(counts):
        held = np.bincount(folds[classes == number] + 1, minlength=6)
        if count == 1:
            assert held[0] == 1
        else:
            assert held[0] == 0
            assert held[1:].max() - held[1:].min() <= 1
            assert count - held[1:].max() >= 1


def test_the_rate_comes_from_held_out_images(monkeypatch):
    """Only the third rate learns: the others are made useless."""
    original = train_linear

    def crippled(features, classes, **settings):
        weights, biases = original(features, classes, **settings)
        useless = torch.arange(len(settings["learning_rates"])) != 2
        weights[useless] = 0
        return weights, biases

    monkeypatch.setattr(linear, "train_linear", crippled)
    classes = np.repeat(np.arange(2), 20)
    features = np.where(classes[:, None] == 0, -1.0, 1.0).astype(np.float32) + np.zeros((40, 2), dtype=np.float32)
    assert choose_learning_rate(LabelledFeatures(features, classes), class_count=2, seed=0) == LEARNING_RATES[2]


def test_large_training_sets_are_held_out_once(monkeypatch):
    calls = []
    original = train_linear

    def spy(features, classes, **settings):
        calls.append(len(features))
        return original(features, classes, **{**settings, "epochs": 1})

    monkeypatch.setattr(linear, "train_linear", spy)
    generator = np.random.default_rng(0)
    for n in (100, 5000):
        features = generator.normal(size=(n, 2)).astype(np.float32)
        choose_learning_rate(LabelledFeatures(features, np.arange(n) % 2), class_count=2, seed=0)
    assert calls == [80, 80, 80, 80, 80, 4000]


def test_wrong_input_is_refused(clouds, classes):
    train, test = clouds(4, dim=3, seed=1), clouds(4, dim=3, seed=2)
    rest = (test.features, test.labels)
    with pytest.raises(InputError, match="Test class 'cat' has no training image"):
        without = train.labels != "cat"
        linear_probe(train.features[without], train.labels[without], *rest, classes=classes, seed=0)
    with pytest.raises(InputError, match=r"The train labels \['cow'\] are not among the 2 classes"):
        linear_probe(train.features, train.labels, *rest, classes=classes[:2], seed=0)
    with pytest.raises(InputError, match="encode both with one encoder"):
        linear_probe(train.features[:, :2], train.labels, *rest, classes=classes, seed=0)
    broken = train.features.copy()
    broken[0, 0] = np.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        linear_probe(broken, train.labels, *rest, classes=classes, seed=0)
    with pytest.raises(InputError, match="each once"):
        linear_probe(train.features, train.labels, *rest, classes=["bear", "bear"], seed=0)
    with pytest.raises(InputError, match="11 labels"):
        linear_probe(train.features, train.labels[1:], *rest, classes=classes, seed=0)
