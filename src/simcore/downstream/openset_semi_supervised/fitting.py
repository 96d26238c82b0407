"""Open-set semi-supervised learning from an encoder: what the methods learn, and what that is worth."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from simcore.backbones import Encoder
from simcore.downstream.judging import Setting, judge_method
from simcore.downstream.openset_semi_supervised.openmatch import OpenMatch
from simcore.downstream.openset_semi_supervised.outliers import ChooseInliers, outlier_table
from simcore.downstream.openset_semi_supervised.recipes import OpenMatchRecipe, Schedule, SelfTrainingRecipe
from simcore.downstream.openset_semi_supervised.self_training import SelfTraining
from simcore.errors import InputError
from simcore.evaluation import Outcome, Sight
from simcore.evaluation.protocols import Watch
from simcore.evaluation.training import MakeReporter
from simcore.images import ImageStore, MultiViews
from simcore.methods import Method
from simcore.supervised import LabelledViews, fit_classifier
from simcore.supervised.classifier import head_of
from simcore.supervised.fitting import class_numbers
from simcore.training import Beside, Refresh, Reporter, pretrain

Recipe = SelfTrainingRecipe | OpenMatchRecipe

_LEAST = 2


@dataclass(frozen=True, eq=False)
class OpensetTask:
    """What is learnt from, and by what.

    Attributes:
        encoder: Stays as it is.
        labelled: Images of X with labels.
        unlabelled: The others, and those of the open-set, whose labels are not looked at.
        classes: Class names; the outputs are in this order.
        sight: Size, crops, machine.
        seed: Of batches, views and first weights.

    Raises:
        InputError: There are less than two classes, or less than two images of a kind.
    """

    encoder: Encoder
    labelled: ImageStore
    unlabelled: ImageStore
    classes: tuple[str, ...]
    sight: Sight
    seed: int

    def __post_init__(self) -> None:
        """Check the sizes."""
        if len(self.classes) < _LEAST:
            raise InputError(f"There are the classes {list(self.classes)}; learning needs at least {_LEAST}.")
        for name, store, advice in (
            ("labelled", self.labelled, "label more"),
            ("unlabelled", self.unlabelled, "give an open-set, or a smaller share of the labels"),
        ):
            if len(store) < _LEAST:
                raise InputError(f"There are {len(store)} {name} images; at least {_LEAST} are needed: {advice}.")

    @property
    def numbers(self) -> dict[str, int]:
        """Class number by key of the labelled images."""
        found = class_numbers(self.labelled, self.classes).tolist()
        return dict(zip(map(str, self.labelled.keys), found, strict=True))

    @property
    def positions(self) -> dict[str, int]:
        """Position by key of the unlabelled images."""
        return {str(key): position for position, key in enumerate(self.unlabelled.keys)}


def fit_self_training(
    task: OpensetTask,
    recipe: SelfTrainingRecipe,
    *,
    workdir: Path,
    reporter: Reporter | None = None,
    teacher_reporter: Reporter | None = None,
    watch: Watch | None = None,
    description: str = "self_training",
) -> SelfTraining:
    """Return the method after training a teacher on the labels, then its student; both start from the encoder.

    Args:
        task: What is learnt from.
        recipe: How.
        workdir: For checkpoints.
        reporter: Gets the student's curves.
        teacher_reporter: Gets the teacher's.
        watch: Called after every epoch of the student.
        description: Of the bars.

    Raises:
        InputError: Labels, settings or sizes do not fit.
    """
    teacher, _ = fit_classifier(
        task.encoder,
        task.labelled,
        classes=task.classes,
        view=task.sight.view,
        settings=recipe.teacher_settings(len(task.labelled), sight=task.sight),
        seed=task.seed,
        workdir=workdir / "teacher",
        frozen=False,
        head=head_of(task.encoder.card),
        reporter=teacher_reporter,
        description=f"{description}, teacher",
    )
    method = SelfTraining(
        copy.deepcopy(task.encoder.module),
        teacher.cpu(),
        class_count=len(task.classes),
        seed=task.seed,
        head=head_of(task.encoder.card),
        weight=recipe.weight,
        temperature=recipe.temperature,
    )
    weak = MultiViews(((task.sight.view, 1),), seed=task.seed)
    _train(
        method,
        task,
        recipe.schedule,
        views=LabelledViews(weak, task.numbers),
        beside=weak,
        workdir=workdir,
        reporter=reporter,
        watch=watch,
        description=description,
    )
    return method


def fit_openmatch(
    task: OpensetTask,
    recipe: OpenMatchRecipe,
    *,
    workdir: Path,
    reporter: Reporter | None = None,
    watch: Watch | None = None,
    description: str = "openmatch",
) -> OpenMatch:
    """Return the method after training.

    Args:
        task: What is learnt from.
        recipe: How.
        workdir: For checkpoints.
        reporter: Gets the curves.
        watch: Called after every epoch.
        description: Of the bar.

    Raises:
        InputError: Labels, settings or sizes do not fit.
    """
    method = OpenMatch(
        copy.deepcopy(task.encoder.module),
        class_count=len(task.classes),
        unlabelled_count=len(task.unlabelled),
        seed=task.seed,
        head=head_of(task.encoder.card),
        **(recipe.options or {}),
    )
    weak = task.sight.view
    strong = replace(weak, rand_augment=recipe.rand_augment)
    of_labelled = MultiViews(((replace(weak, crop="centre"), 1), (strong, 1)), seed=task.seed)
    of_unlabelled = MultiViews(((weak, 1), (strong, 1)), seed=task.seed)
    choose = ChooseInliers(task.unlabelled, task.encoder.card, task.sight.image_size)
    _train(
        method,
        task,
        recipe.schedule,
        views=LabelledViews(of_labelled, task.numbers),
        beside=LabelledViews(of_unlabelled, task.positions),
        refresh=Refresh(recipe.refresh_steps(), choose),
        workdir=workdir,
        reporter=reporter,
        watch=watch,
        description=description,
    )
    return method


def _train(
    method: Method,
    task: OpensetTask,
    schedule: Schedule,
    *,
    views: LabelledViews,
    beside: LabelledViews | MultiViews,
    workdir: Path,
    reporter: Reporter | None,
    watch: Watch | None,
    description: str,
    refresh: Refresh | None = None,
) -> None:
    card, n = task.encoder.card, len(task.labelled)
    settings = schedule.settings(n, sight=task.sight, mean=card.mean, std=card.std, watched=watch is not None)
    pretrain(
        method,
        task.labelled,
        views=views,
        settings=settings,
        seed=task.seed,
        workdir=workdir,
        reporter=reporter,
        description=description,
        probe=watch,  # type: ignore[arg-type] # `probed` of these methods is themselves
        beside=Beside(task.unlabelled, beside, schedule.beside_size(n, len(task.unlabelled), parts=settings.parts)),
        refresh=refresh,
    )


def judge_openset_method(
    task: OpensetTask,
    test: ImageStore,
    recipe: Recipe,
    setting: Setting,
    *,
    workdir: str | Path,
    make_reporter: MakeReporter | None = None,
) -> tuple[list[Outcome], pd.DataFrame | None]:
    """Return what a method says of the test images, and for OpenMatch the outliers that it found.

    Args:
        task: What is learnt from.
        test: Labelled test images.
        recipe: Which method, and how it is trained.
        setting: Under which name and protocol.
        workdir: For checkpoints: an interrupted evaluation goes on there.
        make_reporter: Called for every training, with `all` or `published`, for a teacher with `/teacher` behind.

    Raises:
        InputError: Labels, settings or sizes do not fit.
    """

    def fit(folder: Path, name: str, watch: Watch | None) -> Any:
        made: Callable[[str], Reporter | None] = make_reporter or (lambda _: None)
        told: dict[str, Any] = {"workdir": folder, "reporter": made(name), "watch": watch}
        described = f"{setting.evaluation}{setting.suffix}, {name}"
        if isinstance(recipe, OpenMatchRecipe):
            return fit_openmatch(task, recipe, description=described, **told)
        return fit_self_training(task, recipe, description=described, teacher_reporter=made(f"{name}/teacher"), **told)

    outcomes, method = judge_method(
        fit,
        task.labelled,
        test,
        setting,
        rate=recipe.schedule.learning_rate,
        facts=(recipe, task.unlabelled.keys.tolist()),
        workdir=Path(workdir),
    )
    if not isinstance(method, OpenMatch):
        return outcomes, None
    table = outlier_table(
        method,
        task.unlabelled,
        classes=task.classes,
        card=task.encoder.card,
        image_size=task.sight.image_size,
    )
    return outcomes, table
