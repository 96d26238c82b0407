"""One round of active learning: whom to ask about, and training on what is known."""

import copy
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from simcore.backbones import Encoder
from simcore.devices import choose_device
from simcore.downstream.active_learning.looking import Seen, look_at
from simcore.downstream.active_learning.pool import Pool
from simcore.downstream.active_learning.registry import choose_keys
from simcore.downstream.active_learning.states import RoundState
from simcore.evaluation import Protocol, Recipe, Sight
from simcore.evaluation.metrics import accuracy
from simcore.files import atomic_file
from simcore.images import ImageStore
from simcore.supervised import Classifier, fit_classifier
from simcore.supervised.classifier import Head, head_of
from simcore.supervised.fitting import class_numbers
from simcore.training import Reporter, remove_work

START = "random"
"""The query of the first round, when there is no model to ask."""


@dataclass(frozen=True, eq=False)
class Task:
    """What all rounds share; see `learn_actively`."""

    encoder: Encoder
    train: ImageStore
    test: ImageStore
    classes: tuple[str, ...]
    recipe: Recipe
    protocol: Protocol
    sight: Sight
    seed: int
    metric: str

    @property
    def head(self) -> Head:
        """Kind of the classifier's layer, as in other evaluations."""
        return head_of(self.encoder.card)

    def identity(self) -> str:
        """Return a digest of what decides a round beside the labels."""
        card = self.encoder.card
        facts = (
            self.encoder.fingerprint,
            (self.recipe, self.sight.view, self.sight.resize_ratio, tuple(card.mean), tuple(card.std), self.head),
            (self.protocol, self.metric, self.seed, self.classes),
            (self.train.keys.tolist(), self.test.keys.tolist(), self.test.labels.tolist()),
        )
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def rank(self, classifier: Classifier) -> np.ndarray:
        """Return the likeliest classes of each test image, `(n, k)`."""
        card = self.encoder.card
        ranked: np.ndarray = self.sight.rank(classifier, self.test, card=card, class_count=len(self.classes))[0]
        return ranked

    def score(self, ranked: np.ndarray) -> float:
        """Return how often the first class is right."""
        return float(accuracy(ranked[:, 0], class_numbers(self.test, self.classes), metric=self.metric))

    def look(self, classifier: Classifier, keys: Iterable[str]) -> Seen:
        """Return what the classifier makes of training images."""
        card, sight = self.encoder.card, self.sight
        return look_at(
            classifier,
            self.train.subset(keys),
            mean=card.mean,
            std=card.std,
            image_size=sight.image_size,
            resize_ratio=sight.resize_ratio,
        )

    def load(self, state: RoundState) -> Classifier:
        """Return the classifier of a finished round, on the CPU."""
        module = copy.deepcopy(self.encoder.module)
        classifier = Classifier(module, class_count=len(self.classes), seed=self.seed, head=self.head)
        return state.load_into(classifier)


def ask(
    task: Task, before: RoundState | None, query: str, labelled: Sequence[str], *, count: int, number: int
) -> tuple[str, ...]:
    """Return the keys that a round asks for, by the classifier of the round before; asked once, they are kept there."""
    rest = np.array(sorted(set(map(str, task.train.keys)) - set(labelled)), dtype=object)
    if before is None or query == START:
        # One seed for all rounds: they are then the growing shares of one draw.
        unseen = Pool(rest, torch.zeros(len(rest), 0), torch.zeros(len(rest), 0), torch.zeros(0, 0))
        return choose_keys(START, unseen, count=count, seed=task.seed)
    kept = before.path.with_name(f"{query}-{count}.json")
    if kept.is_file():
        return tuple(json.loads(kept.read_text(encoding="utf-8")))
    classifier = task.load(before).to(choose_device(task.sight.machine.get("device", "auto")))
    seen, of_labelled = (task.look(classifier, keys) for keys in (rest, sorted(labelled)))
    pool = Pool(rest, seen.features, seen.logits, of_labelled.features)
    found = choose_keys(query, pool, count=count, seed=task.seed + number)
    with atomic_file(kept) as partial:
        partial.write_text(json.dumps(found), encoding="utf-8")
    return found


def train_round(
    task: Task,
    before: RoundState | None,
    labelled: Sequence[str],
    *,
    number: int,
    folder: Path,
    reporter: Reporter | None,
    description: str,
) -> RoundState:
    """Return the classifier of a round, trained on all labels so far unless that was done before."""
    done, best = RoundState(folder / "round.safetensors"), RoundState(folder / "best.safetensors")
    if done.exists():
        return done

    def watch(classifier: Classifier) -> dict[str, float]:
        ranked = task.rank(classifier)
        score = task.score(ranked)
        if not best.exists() or score > best.score():
            best.save(classifier, ranked, score=score)
        return {f"test_{task.metric}": score}

    recipe, published = task.recipe, task.protocol == "published"
    encoder = task.encoder if before is None else replace(task.encoder, module=task.load(before).backbone)
    classifier, _ = fit_classifier(
        encoder,
        task.train.subset(sorted(labelled)),
        classes=task.classes,
        view=task.sight.view,
        settings=recipe.settings(
            len(labelled), rate=recipe.learning_rates[0], sight=task.sight, look_every_epoch=published
        ),
        seed=task.seed + number,
        workdir=folder / "training",
        frozen=recipe.frozen,
        head=task.head,
        reporter=reporter,
        watch=watch if published else None,
        description=description,
    )
    if published:
        best.path.replace(done.path)
    else:
        ranked = task.rank(classifier)
        done.save(classifier, ranked, score=task.score(ranked))
    remove_work(folder / "training")
    return done
