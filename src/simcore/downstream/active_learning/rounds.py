"""Active learning: rounds of asking for labels and of training."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from simcore.backbones import Encoder
from simcore.downstream.active_learning.registry import check_query
from simcore.downstream.active_learning.states import RoundState
from simcore.downstream.active_learning.task import Task, ask, train_round
from simcore.errors import InputError
from simcore.evaluation import Outcome, Protocol, Recipe, Sight
from simcore.evaluation.protocols import PROTOCOLS
from simcore.evaluation.training import MakeReporter
from simcore.images import ImageStore
from simcore.supervised.fitting import class_numbers

LOGGER = logging.getLogger(__name__)

EVALUATION = "active_learning"
"""Name of the evaluation in records."""

ROUND = Recipe("round", 100, (3e-2,), "steps", 1e-4, 256, frozen=False)
"""A round of the SimCore paper: 100 epochs of SGD, rate 0.03, a tenth after epochs 60 and 80 (table 16)."""

SHARES = (0.1, 0.2, 0.3, 0.4)
"""Of the training images that are labelled, round by round (table 16)."""

_NAMES_SHOWN = 5
_LEAST = 2


@dataclass(frozen=True)
class Round:
    """What one round asked for, and what came of it.

    Attributes:
        number: 1 is the round that draws at random.
        share: Of the training images that are to be labelled after it.
        labels: How many images that is.
        queried: Keys that this round asked for, in the order of asking.
        missing: Those of them that have no label yet.
        outcome: What the classifier trained on all labels says of the test images; None while labels are missing.
    """

    number: int
    share: float
    labels: int
    queried: tuple[str, ...]
    missing: tuple[str, ...]
    outcome: Outcome | None


def learn_actively(
    encoder: Encoder,
    train: ImageStore,
    test: ImageStore,
    *,
    classes: Sequence[str],
    query: str,
    protocol: Protocol,
    sight: Sight,
    seed: int,
    workdir: str | Path,
    shares: Sequence[float] = SHARES,
    recipe: Recipe = ROUND,
    metric: str = "top1",
    make_reporter: MakeReporter | None = None,
) -> tuple[Round, ...]:
    """Return the rounds: which labels were asked for, and how good the classifiers trained on them are.

    The first round asks for images at random; each further one for those that `query` chooses with the classifier of
    the round before, among the images that nobody has asked for, seen without augmentation. Every round trains encoder
    and classifier on all labels so far: the encoder goes on from the round before, the classifier starts afresh. Where
    labels of a round's images are missing, that round is the last one and has no outcome: called again once they are
    there, the rounds before it are taken from `workdir` and this one is trained.

    `clean`: each round ends with its last epoch, and the test images are looked at once. `published`: the epoch that is
    best on the test images counts, goes on into the next round and asks, as in the SimCore paper: the queries then know
    the test images. Shares are counted as the paper's: `int(share * n)` images, drawn from all classes together, so
    that a rare class may have none at first; a warning names such classes.

    A round is known by all that decides it (encoder, recipe, seed, keys and labels; images by their keys), so that in
    one folder any queries, shares and seeds stand beside each other, queries share their first round, and one that was
    interrupted goes on at its last checkpoint. A label that is corrected later makes the rounds trained with it anew.
    Costs a training a round, one pass over the training images, and the query.

    Args:
        encoder: Stays as it is.
        train: Training images, sorted by key; a label of None is one that is not known yet.
        test: Labelled test images.
        classes: Class names.
        query: One of `QUERIES`.
        protocol: `clean` or `published`.
        sight: Size, crops, machine.
        seed: Of draws, batches, crops and weights.
        workdir: For rounds and checkpoints.
        shares: Of the training images that are labelled after each round, rising.
        recipe: How a round trains; it has one learning rate.
        metric: By which `published` chooses, see `headline_metrics`.
        make_reporter: Called for every training, with names such as `start` and `badge/0.2`.

    Raises:
        InputError: Query, protocol or shares do not fit, or a label is none of the classes.
    """
    check_query(query)
    if len(recipe.learning_rates) != 1:
        raise InputError(f"`recipe` has {len(recipe.learning_rates)} learning rates; a round trains with one.")
    if protocol not in PROTOCOLS:
        raise InputError(f"`protocol` is '{protocol}'; allowed are {', '.join(PROTOCOLS)}.")
    counts = count_labels(len(train), shares=shares)
    task = Task(encoder, train, test, tuple(classes), recipe, protocol, sight, seed, metric)
    true = class_numbers(test, classes)
    label = dict(zip(map(str, train.keys), train.labels, strict=True))
    rounds: list[Round] = []
    labelled: list[str] = []
    identity = task.identity()
    state: RoundState | None = None
    for number, (share, count) in enumerate(zip(shares, counts, strict=True), start=1):
        queried = ask(task, state, query, labelled, count=count - len(labelled), number=number)
        labelled += queried
        missing = tuple(key for key in queried if label[key] is None)
        if missing:
            rounds.append(Round(number, share, count, queried, missing, None))
            break
        if number == 1:
            _warn_of_absent(labelled, label, classes=classes)
        known = sorted((key, label[key]) for key in labelled)
        identity = hashlib.sha256(repr((identity, known)).encode()).hexdigest()
        folder = Path(workdir) / f"round-{number}-{identity[:16]}"
        reporter = None if make_reporter is None else make_reporter("start" if number == 1 else f"{query}/{share:g}")
        what = f"{'start' if number == 1 else query}, {100 * share:g} % of labels"
        state = train_round(task, state, labelled, number=number, folder=folder, reporter=reporter, description=what)
        said = f"{protocol} {query} {100 * share:g} % of labels"
        outcome = Outcome(EVALUATION, said, task.classes, true, state.ranked())
        rounds.append(Round(number, share, count, queried, (), outcome))
    return tuple(rounds)


def count_labels(n: int, *, shares: Sequence[float]) -> tuple[int, ...]:
    """Return how many of `n` images are labelled after each round: `int(share * n)`, as the paper counts.

    Raises:
        InputError: Shares do not rise between 0 and 1, the first one is less than 2 images, or a round asks for none.

    Example:
        >>> count_labels(3334, shares=(0.1, 0.2, 0.4))
        (333, 666, 1333)
    """
    told = ", ".join(f"{share:g}" for share in shares) or "none"
    if not shares or shares[0] <= 0 or shares[-1] > 1 or any(low >= high for low, high in pairwise(shares)):
        raise InputError(f"`shares` are {told}; give rising ones above 0 and at most 1.")
    counts = tuple(int(share * n) for share in shares)
    if counts[0] < _LEAST or any(low == high for low, high in pairwise(counts)):
        raise InputError(
            f"The shares {told} of {n} training images are {', '.join(map(str, counts))} images; the first round needs "
            f"at least {_LEAST}, and each further one has to ask for at least one more: give other shares."
        )
    return counts


def _warn_of_absent(keys: Sequence[str], label: Mapping[str, str | None], *, classes: Sequence[str]) -> None:
    there = {label[key] for key in keys}
    absent = [name for name in classes if name not in there]
    if absent:
        LOGGER.warning(
            "%d of %d classes have none of the %d images that are labelled first, so that their classifier cannot know "
            "them: %s%s.",
            len(absent),
            len(classes),
            len(keys),
            ", ".join(f"'{name}'" for name in absent[:_NAMES_SHOWN]),
            " ..." if len(absent) > _NAMES_SHOWN else "",
        )
