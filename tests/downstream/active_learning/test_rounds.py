"""Rounds of active learning: what is asked, trained, kept and gone on with."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from simcore.backbones import create_random_encoder
from simcore.downstream.active_learning import QUERIES, ROUND, Round, count_labels, learn_actively, look_at, task
from simcore.errors import InputError
from simcore.evaluation import Sight
from simcore.images import ImageStore
from simcore.supervised import Classifier, draw_share
from tests.labelled_stores import make_stores

CLASSES = ("class0", "class1", "class2")
SIGHT = Sight(image_size=16, machine={"workers": 0, "device": "cpu"})
SHORT = replace(ROUND, epochs=2, batch_size=6)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[ImageStore, ImageStore]:
    return make_stores(tmp_path_factory.mktemp("images"), classes=3, train=8, test=3)


def with_labels(store: ImageStore, known: dict[str, str]) -> ImageStore:
    """Return the store as it is where only these labels are known."""
    part = store.subset(store.keys)
    part.labels = np.array([known.get(key) for key in store.keys], dtype=object)
    return part


def run(stores: tuple[ImageStore, ImageStore], workdir: Path, **other: Any) -> tuple[Round, ...]:
    values: dict[str, Any] = {
        "classes": CLASSES,
        "query": "badge",
        "protocol": "clean",
        "sight": SIGHT,
        "seed": 0,
        "shares": (0.25, 0.5, 0.75),
        "recipe": SHORT,
    }
    encoder = create_random_encoder("resnet10_small", image_size=16, seed=0)
    return learn_actively(encoder, *stores, workdir=workdir, **{**values, **other})


def seen(rounds: tuple[Round, ...]) -> list[tuple[tuple[str, ...], list[list[int]]]]:
    """Return what two courses have to agree on."""
    return [(each.queried, each.outcome.ranked.tolist()) for each in rounds if each.outcome is not None]


class Trainings:
    """Counts and optionally stops trainings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.on: list[set[str]] = []
        self.from_weights: list[torch.Tensor] = []
        self.stop_at: int | None = None
        fit = task.fit_classifier

        def counted(encoder: Any, store: ImageStore, **given: Any) -> Any:
            if self.stop_at == len(self.on):
                raise KeyboardInterrupt
            self.on.append(set(store.keys))
            self.from_weights.append(encoder.module.conv1.weight.detach().clone())
            return fit(encoder, store, **given)

        monkeypatch.setattr(task, "fit_classifier", counted)


def test_counts_are_rounded_down() -> None:
    assert count_labels(24, shares=(0.1, 0.2, 0.3)) == (2, 4, 7)
    assert count_labels(5994, shares=(0.1, 0.2, 0.3, 0.4)) == (599, 1198, 1798, 2397)


@pytest.mark.parametrize("query", QUERIES)
def test_rounds_ask_train_and_are_judged(stores, tmp_path, monkeypatch, query) -> None:
    trainings = Trainings(monkeypatch)
    rounds = run(stores, tmp_path, query=query)
    train, test = stores
    assert [each.labels for each in rounds] == [6, 12, 18]
    asked = [key for each in rounds for key in each.queried]
    assert len(set(asked)) == 18 and set(asked) <= set(train.keys)
    manifest = pd.DataFrame({"key": train.keys, "label": train.labels})
    assert set(rounds[0].queried) == set(draw_share(manifest, share=0.25, seed=0, stratified=False)["key"])
    assert trainings.on == [set(asked[:6]), set(asked[:12]), set(asked)]
    # Each round's encoder is that of the round before; the first one's is the given one.
    first = create_random_encoder("resnet10_small", image_size=16, seed=0).module.conv1.weight
    assert torch.equal(trainings.from_weights[0], first)
    assert len({str(each.sum().item()) for each in trainings.from_weights}) == 3
    outcomes = [each.outcome for each in rounds]
    assert [each.protocol for each in outcomes] == [f"clean {query} {share} % of labels" for share in (25, 50, 75)]
    assert {each.evaluation for each in outcomes} == {"active_learning"}
    assert all(each.ranked.shape == (len(test), 3) for each in outcomes)
    # The trainings' checkpoints are gone, the rounds stand.
    assert len(list(tmp_path.glob("round-*/round.safetensors"))) == 3
    assert not list(tmp_path.glob("round-*/training"))


def test_a_query_asks_the_model_of_the_round_before(stores, tmp_path) -> None:
    first, second, _ = run(stores, tmp_path, query="entropy")
    train, _ = stores
    classifier = Classifier(
        create_random_encoder("resnet10_small", image_size=16, seed=9).module, class_count=3, seed=9
    )
    state = task.RoundState(next(tmp_path.glob("round-1-*")) / "round.safetensors")
    card = create_random_encoder("resnet10_small", image_size=16, seed=0).card
    rest = sorted(set(train.keys) - set(first.queried))
    logits = look_at(
        state.load_into(classifier), train.subset(rest), mean=card.mean, std=card.std, image_size=16
    ).logits.double()
    entropy = torch.distributions.Categorical(logits=logits).entropy()
    assert list(second.queried) == [rest[row] for row in entropy.argsort(descending=True)[:6]]


def test_rounds_that_are_done_are_not_repeated(stores, tmp_path, monkeypatch) -> None:
    straight = run(stores, tmp_path / "straight")
    trainings = Trainings(monkeypatch)
    trainings.stop_at = 2
    with pytest.raises(KeyboardInterrupt):
        run(stores, tmp_path / "work")
    trainings.stop_at = None
    assert seen(run(stores, tmp_path / "work")) == seen(straight)
    assert len(trainings.on) == 3
    assert seen(run(stores, tmp_path / "work")) == seen(straight)
    # Another query shares the first round, another seed nothing.
    run(stores, tmp_path / "work", query="coreset")
    assert len(trainings.on) == 5
    run(stores, tmp_path / "work", seed=1, shares=(0.25,))
    assert len(trainings.on) == 6


@pytest.mark.parametrize("protocol", ["clean", "published"])
def test_an_interrupted_training_ends_with_the_same_bits(stores, tmp_path, protocol) -> None:
    straight = run(stores, tmp_path / "straight", protocol=protocol, shares=(0.25, 0.5))
    stopped: list[int] = []

    class Stopping:
        def log(self, metrics: Any, *, step: int) -> None:
            if step >= 2 and len(stopped) < 2 and step not in stopped:
                stopped.append(step)
                raise KeyboardInterrupt

    settings = {"workers": 0, "device": "cpu", "checkpoint_every_seconds": 0.0, "log_every": 1}
    sight = replace(SIGHT, machine=settings)
    again = {"protocol": protocol, "sight": sight, "shares": (0.25, 0.5), "make_reporter": lambda _: Stopping()}
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(stores, tmp_path / "work", **again)
    assert seen(run(stores, tmp_path / "work", **again)) == seen(straight)


def test_published_goes_on_from_the_best_epoch(stores, tmp_path, monkeypatch) -> None:
    scores = iter([0.1, 0.7, 0.7, *[0.2] * 9])
    monkeypatch.setattr(task.Task, "score", lambda *_: next(scores))
    looks: list[torch.Tensor] = []
    rank = task.Task.rank

    def recorded(self: task.Task, classifier: Classifier) -> np.ndarray:
        looks.append(classifier.backbone.conv1.weight.detach().clone())
        return rank(self, classifier)

    monkeypatch.setattr(task.Task, "rank", recorded)
    trainings = Trainings(monkeypatch)
    recipe = replace(SHORT, epochs=4)
    rounds = run(stores, tmp_path, protocol="published", shares=(0.25, 0.5), recipe=recipe)
    # The first of the equally good epochs, and no look beside one an epoch.
    assert len(looks) == 8
    assert torch.equal(trainings.from_weights[1], looks[1]) and not torch.equal(looks[1], looks[2])
    assert [each.outcome.protocol for each in rounds] == [
        "published badge 25 % of labels",
        "published badge 50 % of labels",
    ]


def test_it_waits_for_labels(stores, tmp_path, monkeypatch) -> None:
    train, test = stores
    truth = dict(zip(train.keys, train.labels, strict=True))
    straight = run(stores, tmp_path / "straight")
    trainings = Trainings(monkeypatch)
    known: dict[str, str] = {}
    for number in (1, 2, 3):
        for part in (0, 3):  # nothing, then half of what was asked
            known |= {key: truth[key] for key in straight[number - 1].queried[:part]}
            rounds = run((with_labels(train, known), test), tmp_path / "work")
            assert len(rounds) == number
            assert rounds[-1].outcome is None and rounds[-1].missing == straight[number - 1].queried[part:]
            assert len(trainings.on) == number - 1
        known |= {key: truth[key] for key in straight[number - 1].queried}
    assert seen(run((with_labels(train, known), test), tmp_path / "work")) == seen(straight)
    assert len(trainings.on) == 3
    # A correction in the second round leaves the first one.
    key = straight[1].queried[0]
    known[key] = next(name for name in CLASSES if name != truth[key])
    run((with_labels(train, known), test), tmp_path / "work", shares=(0.25, 0.5))
    assert len(trainings.on) == 4


def test_classes_that_nobody_drew_are_named(stores, tmp_path, caplog) -> None:
    train, test = stores
    one = with_labels(train, dict.fromkeys(train.keys, "class1"))
    run((one, test), tmp_path, shares=(0.25,))
    assert "2 of 3 classes have none of the 6 images" in caplog.text and "'class0', 'class2'" in caplog.text


def test_bad_input(stores, tmp_path) -> None:
    for other, words in (
        ({"query": "margin"}, "`margin` is unknown; allowed are random"),
        ({"protocol": "dirty"}, "`protocol` is 'dirty'; allowed are clean, published"),
        ({"shares": ()}, "`shares` are none"),
        ({"shares": (0.5, 0.5)}, "`shares` are 0.5, 0.5; give rising ones"),
        ({"shares": (0.0, 0.5)}, "give rising ones above 0 and at most 1"),
        ({"shares": (0.5, 1.1)}, "give rising ones above 0 and at most 1"),
        ({"shares": (0.05, 0.5)}, "are 1, 12 images; the first round needs at least 2"),
        ({"shares": (0.5, 0.51)}, "each further one has to ask for at least one more"),
        ({"recipe": replace(SHORT, learning_rates=(0.1, 0.2))}, "has 2 learning rates; a round trains with one"),
    ):
        with pytest.raises(InputError, match=words):
            run(stores, tmp_path, **other)
    assert not list(tmp_path.iterdir())
    known = dict.fromkeys(stores[0].keys, "class7")
    with pytest.raises(InputError, match="the label 'class7', which is none of the 3 classes"):
        run((with_labels(stores[0], known), stores[1]), tmp_path)
