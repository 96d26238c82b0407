"""What a method that learns from few labels says about the test images, under a protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from simcore.backbones import Encoder
from simcore.downstream.judging import Setting, judge_method
from simcore.downstream.semi_supervised.fitting import check_pools, fit_semi_supervised
from simcore.evaluation import Outcome
from simcore.evaluation.protocols import Protocol, Watch
from simcore.evaluation.training import MakeReporter, Sight
from simcore.images import ImageStore
from simcore.supervised import Classifier
from simcore.supervised.classifier import head_of
from simcore.training import TrainingSettings


@dataclass(frozen=True)
class SemiSupervisedRecipe:
    """How a method learns from labelled and unlabelled images.

    Attributes:
        method: Key of `SEMI_SUPERVISED`.
        epochs: Length of the run, in epochs as the papers on these methods count them.
        epoch_steps: Optimiser steps of one, whatever the number of images; `published` looks at the test images after
            each.
        batch_size: Labelled images a step, at most as many as there are.
        unlabelled_ratio: Unlabelled images for each labelled one (mu).
        learning_rate: At the start of a cosine to zero.
        weight_decay: Of all parameters.
        rand_augment: Operations and magnitude of strong views; the rest is as in weak ones.
        method_settings: Further settings of the method.
        precision: See `TrainingSettings`.
    """

    method: str
    epochs: int
    epoch_steps: int
    batch_size: int
    unlabelled_ratio: float
    learning_rate: float
    weight_decay: float
    rand_augment: tuple[int, int]
    method_settings: Mapping[str, Any] = field(default_factory=dict)
    precision: Literal["float32", "bfloat16"] = "float32"

    def settings(self, n: int, *, sight: Sight, looks: bool) -> TrainingSettings:
        """Return the settings of a run on `n` labelled images."""
        values: dict[str, Any] = {
            "steps": self.epochs * self.epoch_steps,
            "batch_size": min(self.batch_size, n),
            "optimiser": "sgd",
            "learning_rate": self.learning_rate,
            "schedule": "cosine",
            "weight_decay": self.weight_decay,
            "precision": self.precision,
            "probe_every_steps": self.epoch_steps if looks else None,
            **sight.machine,
        }
        return TrainingSettings(**values)


def judge_semi_supervised(
    encoder: Encoder,
    labelled: ImageStore,
    unlabelled: ImageStore,
    test: ImageStore,
    *,
    classes: Sequence[str],
    recipe: SemiSupervisedRecipe,
    protocol: Protocol,
    sight: Sight,
    seed: int,
    workdir: str | Path,
    suffix: str = "",
    metric: str = "top1",
    make_reporter: MakeReporter | None = None,
) -> Outcome:
    """Return what a classifier trained by `recipe` says about the test images; see `simcore.evaluation.judge`.

    Under `clean` the last step counts and the test images are looked at once. `published` takes the best look at the
    test images, one after every epoch, as the paper does.

    Args:
        encoder: Stays as it is.
        labelled: Images with labels.
        unlabelled: Images without, as far as the training goes.
        test: Labelled test images.
        classes: Class names.
        recipe: How it is trained.
        protocol: `clean` or `published`.
        sight: Size, crops, machine.
        seed: Of batches, views, mixing and weights.
        workdir: For checkpoints: an interrupted evaluation goes on there.
        suffix: Said after the protocol in the records, such as ` fixmatch 10 % of labels`.
        metric: By which `published` chooses.
        make_reporter: Called for every training, with names such as `all` and `published`.

    Raises:
        InputError: Labels, sizes or settings do not fit.
    """
    check_pools(labelled.labels, classes=classes, unlabelled=len(unlabelled), methods=[recipe.method])
    head = head_of(encoder.card)
    weak = sight.view
    strong = replace(weak, rand_augment=recipe.rand_augment)

    def fit(folder: Path, name: str, watch: Watch | None) -> Classifier:
        return fit_semi_supervised(
            encoder,
            labelled,
            unlabelled,
            classes=classes,
            method=recipe.method,
            weak=weak,
            strong=strong,
            settings=recipe.settings(len(labelled), sight=sight, looks=watch is not None),
            unlabelled_ratio=recipe.unlabelled_ratio,
            seed=seed,
            workdir=folder,
            method_settings=recipe.method_settings,
            head=head,
            reporter=None if make_reporter is None else make_reporter(name),
            watch=watch,
            description=f"semi-supervised{suffix}, {name}",
        )[0]

    setting = Setting(encoder, classes, sight, protocol, "semi_supervised", suffix, metric, seed)
    facts = (recipe, strong, head, unlabelled.keys.tolist())
    outcomes, _ = judge_method(
        fit, labelled, test, setting, rate=recipe.learning_rate, facts=facts, workdir=Path(workdir)
    )
    return outcomes[0]
