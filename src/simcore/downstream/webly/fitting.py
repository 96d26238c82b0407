"""Webly-supervised learning from an encoder: what the methods learn from noisy labels, and what that is worth."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from simcore.backbones import Encoder, create_random_encoder
from simcore.downstream.judging import Setting, judge_method
from simcore.downstream.webly.co_teaching import CoTeaching, smallest
from simcore.downstream.webly.dividemix import DivideMix
from simcore.downstream.webly.dividing import Divide, measure_losses
from simcore.downstream.webly.pair import ROWS
from simcore.downstream.webly.recipes import WeblyRecipe
from simcore.downstream.webly.registry import PLAIN, WEBLY_METHODS
from simcore.errors import InputError
from simcore.evaluation import Outcome, Sight
from simcore.evaluation.protocols import Watch
from simcore.evaluation.training import MakeReporter
from simcore.images import ImageStore, MultiViews
from simcore.methods import Method
from simcore.supervised import Classifier, LabelledViews, fit_classifier
from simcore.supervised.classifier import head_of
from simcore.supervised.fitting import class_numbers
from simcore.training import Refresh, Reporter, TrainingSettings, pretrain

_LEAST = 2
_UNTRAINED = "random"


@dataclass(frozen=True, eq=False)
class WeblyTask:
    """What is learnt from, and by what.

    Attributes:
        encoder: Stays as it is.
        train: Images with labels, right or wrong.
        classes: Class names; the outputs are in this order.
        sight: Size, crops, machine.
        seed: Of batches, views and first weights.

    Raises:
        InputError: There are less than two classes or images.
    """

    encoder: Encoder
    train: ImageStore
    classes: tuple[str, ...]
    sight: Sight
    seed: int

    def __post_init__(self) -> None:
        """Check the sizes."""
        if len(self.classes) < _LEAST:
            raise InputError(f"There are the classes {list(self.classes)}; learning needs at least {_LEAST}.")
        if len(self.train) < _LEAST:
            raise InputError(f"There are {len(self.train)} labelled images; learning needs at least {_LEAST}.")

    def backbones(self) -> tuple[nn.Module, nn.Module]:
        """Return two copies of the encoder; of an untrained one the second has other random weights."""
        card = self.encoder.card
        first = copy.deepcopy(self.encoder.module)
        if card.method != _UNTRAINED:
            return first, copy.deepcopy(self.encoder.module)
        # Two networks that start alike are wrong alike.
        other = create_random_encoder(
            card.architecture, image_size=card.image_size, seed=card.seed + 1, mean=card.mean, std=card.std
        )
        return first, other.module


def _check(task: WeblyTask, recipe: WeblyRecipe) -> None:
    if recipe.method not in WEBLY_METHODS:
        raise InputError(f"There is no method '{recipe.method}'; choose one of {', '.join(WEBLY_METHODS)}.")
    warmup = recipe.options.get("warmup_epochs", 0)
    if warmup >= recipe.epochs:
        raise InputError(
            f"`warmup_epochs` is {warmup} of {recipe.epochs} epochs; DivideMix divides the images after the warm-up, "
            "which must be shorter than the run."
        )


def fit_webly(
    task: WeblyTask,
    recipe: WeblyRecipe,
    *,
    workdir: Path,
    reporter: Reporter | None = None,
    watch: Watch | None = None,
    description: str = "webly",
) -> Any:
    """Return the method after training: a `Classifier` for `supervised`, otherwise a pair of networks.

    Args:
        task: What is learnt from.
        recipe: Which method, and how it is trained.
        workdir: For checkpoints.
        reporter: Gets the curves.
        watch: Called after every epoch.
        description: Of the bar.

    Raises:
        InputError: Labels, settings or sizes do not fit.
    """
    _check(task, recipe)
    card = task.encoder.card
    settings = recipe.settings(
        len(task.train), sight=task.sight, mean=card.mean, std=card.std, watched=watch is not None
    )
    if recipe.method == PLAIN:
        return fit_classifier(
            task.encoder,
            task.train,
            classes=task.classes,
            view=task.sight.view,
            settings=settings,
            seed=task.seed,
            workdir=workdir,
            frozen=False,
            head=head_of(card),
            reporter=reporter,
            watch=watch,
            description=description,
        )[0]
    numbers = class_numbers(task.train, task.classes)
    keys = [str(key) for key in task.train.keys]
    known = {"class_count": len(task.classes), "seed": task.seed, "head": head_of(card), **recipe.options}
    labels = dict(zip(keys, numbers.tolist(), strict=True))
    method: Method
    refresh = None
    if recipe.method == CoTeaching.name:
        method = CoTeaching(task.backbones(), **known)
        views = LabelledViews(MultiViews(((task.sight.view, 1),), seed=task.seed), labels)
    else:
        method = DivideMix(task.backbones(), image_count=len(keys), **known)
        both = LabelledViews(MultiViews(((task.sight.view, 2),), seed=task.seed), labels)
        views = LabelledViews(both, {key: position for position, key in enumerate(keys)})
        divide = _divide(task, method, settings)
        first, per_epoch = divide.first_step, divide.steps_per_epoch
        refresh = Refresh(tuple(range(first, settings.resolved_steps(len(keys)), per_epoch)), divide)
    pretrain(
        method,
        task.train,
        views=views,
        settings=settings,
        seed=task.seed,
        workdir=workdir,
        reporter=reporter,
        description=description,
        probe=watch,  # type: ignore[arg-type] # `probed` of these methods is themselves
        refresh=refresh,
    )
    return method


def _divide(task: WeblyTask, method: DivideMix, settings: TrainingSettings) -> Divide:
    per_epoch = settings.steps_per_epoch(len(task.train))
    return Divide(
        task.train,
        tuple(class_numbers(task.train, task.classes).tolist()),
        task.encoder.card,
        task.sight.image_size,
        task.sight.resize_ratio,
        first_step=method.warmup_epochs * per_epoch,
        steps_per_epoch=per_epoch,
    )


def split_images(task: WeblyTask, recipe: WeblyRecipe, method: Any) -> pd.DataFrame:
    """Return one row an image: `key`, `label` as it was trained on, `clean_score` (higher is cleaner), `clean`.

    Co-teaching: minus the mean loss of both networks, and what is left after forgetting the largest; DivideMix: the
    mean of both networks' probabilities after the last epoch, and whether it is above the threshold; `supervised`:
    minus the loss, without a cut (null).

    Args:
        task: What was learnt from.
        recipe: How.
        method: What `fit_webly` returned.
    """
    n = len(task.train)
    clean = pd.array([pd.NA] * n, dtype="boolean")
    if isinstance(method, DivideMix):
        card = task.encoder.card
        settings = recipe.settings(n, sight=task.sight, mean=card.mean, std=card.std, watched=False)
        values = _divide(task, method, settings)(method, settings.resolved_steps(n))
        scores = values["clean_probability"].double().mean(dim=0).numpy()
        clean = pd.array(scores > method.clean_threshold, dtype="boolean")
    else:
        networks = (method,) if isinstance(method, Classifier) else method.pair
        losses = measure_losses(
            networks,
            task.train,
            torch.from_numpy(class_numbers(task.train, task.classes)),
            card=task.encoder.card,
            image_size=task.sight.image_size,
            resize_ratio=task.sight.resize_ratio,
        ).mean(axis=0)
        scores = -losses
        if isinstance(method, CoTeaching):
            kept = np.zeros(n, dtype=bool)
            kept[smallest(torch.from_numpy(losses), forget=method.forget).numpy()] = True
            clean = pd.array(kept, dtype="boolean")
    return pd.DataFrame(
        {
            "key": pd.Series(task.train.keys.tolist(), dtype="str"),
            "label": pd.Series(task.train.labels.tolist(), dtype="str"),
            "clean_score": scores.astype(np.float64),
            "clean": clean,
        }
    )


def judge_webly_method(
    task: WeblyTask,
    test: ImageStore,
    recipe: WeblyRecipe,
    setting: Setting,
    *,
    workdir: str | Path,
    make_reporter: MakeReporter | None = None,
) -> tuple[list[Outcome], pd.DataFrame]:
    """Return what a method says of the test images, and which training labels it holds for clean (`split_images`).

    Of two networks the first comes first, then the second (`, network 2`) and both together (`, ensemble`); under
    `published` the first alone, as the paper has it.

    Args:
        task: What is learnt from.
        test: Test images with right labels.
        recipe: Which method, and how it is trained.
        setting: Under which name and protocol.
        workdir: For checkpoints: an interrupted evaluation goes on there.
        make_reporter: Called for every training.

    Raises:
        InputError: Labels, settings or sizes do not fit.
    """

    def fit(folder: Path, name: str, watch: Watch | None) -> Any:
        return fit_webly(
            task,
            recipe,
            workdir=folder,
            reporter=None if make_reporter is None else make_reporter(name),
            watch=watch,
            description=f"{setting.evaluation}{setting.suffix}, {name}",
        )

    outcomes, method = judge_method(
        fit,
        task.train,
        test,
        setting,
        rate=recipe.learning_rate,
        facts=recipe,
        workdir=Path(workdir),
        rows=None if recipe.method == PLAIN else ROWS,
    )
    return outcomes, split_images(task, recipe, method)
