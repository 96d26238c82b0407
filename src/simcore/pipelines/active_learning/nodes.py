"""Nodes of the pipeline `active_learning`."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from simcore.backbones import Encoder
from simcore.downstream.active_learning import ROUND, Round, count_labels, label_from_file, learn_actively
from simcore.errors import InputError
from simcore.evaluation import headline_metrics
from simcore.evaluation.labels import LEAST_CLASSES
from simcore.images import ImageStore
from simcore.parameters import ActiveLearningParameters, ImageParameters, RuntimeParameters
from simcore.pipelines.active_learning.showing import open_shown
from simcore.pipelines.evaluation.labels import classes_of, mark_drawn_test, parts, warn_of_drawn_test
from simcore.pipelines.evaluation.linear import make_sight
from simcore.pipelines.evaluation.loading import identify
from simcore.pipelines.evaluation.nodes import tell
from simcore.reporting import arm_title, draw_gallery
from simcore.reporting.gallery_page import render_gallery
from simcore.reporting.label_curves import EVALUATION, label_curve_figure
from simcore.reporting.query_gallery import query_gallery, wanted_gallery
from simcore.tracking import reporter
from simcore.workspace import work_directory

LOGGER = logging.getLogger(__name__)

Records = list[dict[str, Any]]

_QUERY_COLUMNS = ["query", "protocol", "seed", "round", "share", "position", "key", "label", "uri"]
_SHOWN_TO_LABEL = 2000


@dataclass(frozen=True, eq=False)
class _Target:
    """The target's images; the labels of the training images are its own, or a person's."""

    manifest: pd.DataFrame
    train: pd.DataFrame
    test: pd.DataFrame
    classes: tuple[str, ...]

    @classmethod
    def read(cls, manifest: pd.DataFrame, *, labels: str | None) -> "_Target":
        train, test = parts(manifest)
        if labels is None:
            return cls(manifest, train, test, classes_of(manifest))
        classes = _classes_of_test(test)
        return cls(manifest, label_from_file(train, labels, classes=classes), test, classes)


def _classes_of_test(test: pd.DataFrame) -> tuple[str, ...]:
    """Return the classes of the test images: what is known where a person labels the training images."""
    without = test[test["label"].isna()]
    classes = tuple(sorted(set(map(str, test["label"].dropna()))))
    if len(without) or len(classes) < LEAST_CLASSES:
        raise InputError(
            f"`active_learning.labels` labels training images with the classes of the test images, but {len(without)} "
            f"of {len(test)} test images have no label, and the others are of {len(classes)} classes; give labelled "
            f"test images of at least {LEAST_CLASSES} classes."
        )
    return classes


def learn_arm(
    encoders: dict[int, Encoder],
    target_manifest: pd.DataFrame,
    images: ImageParameters,
    active_learning: ActiveLearningParameters,
    runtime: RuntimeParameters,
    arm: str,
) -> tuple[Records, pd.DataFrame, pd.DataFrame]:
    """Return metric records of every round, what every round asked for, and the images that still wait for a label.

    With labels of a file the finished rounds stay in the folder for unfinished work, whatever that file holds by then:
    the next run goes on with them.
    """
    labels = active_learning.labels
    target = _Target.read(target_manifest, labels=labels)
    warn_of_drawn_test(target_manifest)
    count_labels(len(target.train), shares=active_learning.shares)
    train, test = (ImageStore(part, cache_gib=images.cache_gib) for part in (target.train, target.test))
    recipe = replace(
        ROUND,
        epochs=active_learning.epochs,
        learning_rates=(active_learning.learning_rate,),
        weight_decay=active_learning.weight_decay,
        batch_size=active_learning.batch_size,
    )
    metric = headline_metrics([EVALUATION], sources=target.test["source"].unique())[EVALUATION]
    folder = work_directory() if labels is None else Path(runtime.work_dir) / f"active_learning-{arm}"
    records: Records = []
    asked: list[pd.DataFrame] = []
    for seed, encoder in encoders.items():
        for protocol in active_learning.protocols:
            for query in active_learning.queries:
                LOGGER.info("%s, seed %d: active learning by %s, %s.", arm, seed, query, protocol)
                rounds = learn_actively(
                    encoder,
                    train,
                    test,
                    classes=target.classes,
                    query=query,
                    shares=active_learning.shares,
                    recipe=recipe,
                    protocol=protocol,
                    sight=make_sight(encoder, scale=active_learning.scale, images=images, runtime=runtime),
                    seed=active_learning.seed,
                    workdir=folder,
                    metric=metric,
                    make_reporter=lambda training, seed=seed, protocol=protocol: reporter(  # type: ignore[misc] # in this turn
                        arm=arm, seed=seed, prefix=f"{EVALUATION}/{protocol}/{training}/"
                    ),
                )
                known = identify(encoder, arm=arm, seed=seed)
                records += [{**known, **record} for record in _records(rounds, target, query=query)]
                asked.append(_asked(rounds, target).assign(query=query, protocol=protocol, seed=seed))
    tell(records)
    queries = pd.concat(asked, ignore_index=True)[_QUERY_COLUMNS]
    waiting = queries[queries["label"].isna()].drop_duplicates("key").sort_values("key")
    return records, queries, waiting[["key", "label", "uri"]]


def _records(rounds: Sequence[Round], target: _Target, *, query: str) -> Records:
    return [
        {**record, "query": query, "share": each.share, "labels": each.labels}
        for each in rounds
        if each.outcome is not None
        for record in mark_drawn_test(each.outcome, target.manifest).records()
    ]


def _asked(rounds: Sequence[Round], target: _Target) -> pd.DataFrame:
    """Return a row an image that was asked for, in the order of asking."""
    rows = [(each.number, each.share, place, key) for each in rounds for place, key in enumerate(each.queried)]
    frame = pd.DataFrame(rows, columns=["round", "share", "position", "key"])
    return frame.merge(target.train[["key", "label", "uri"]], on="key", how="left")


def draw_rounds(
    records: Records,
    queries: pd.DataFrame,
    wanted: pd.DataFrame,
    target_manifest: pd.DataFrame,
    images: ImageParameters,
    pictures: int,
    arm: str,
) -> tuple[go.Figure, bytes, str]:
    """Return accuracy over labels, a picture of what every round asked for, and a page of all that wait for a label."""
    test = parts(target_manifest)[1]
    metric = headline_metrics([EVALUATION], sources=test["source"].unique())[EVALUATION]
    waiting = wanted.head(_SHOWN_TO_LABEL)
    store = open_shown(target_manifest, queries["key"], images=images)
    rows = query_gallery(queries, images=store, n_images=pictures)
    page = render_gallery(
        [*wanted_gallery(waiting, images=store), *rows],
        title=f"Active learning: {arm_title(arm)}",
        sentence=_say_waiting(len(wanted), shown=len(waiting)),
    )
    return label_curve_figure(records, metric=metric), draw_gallery(rows), page


def _say_waiting(count: int, *, shown: int) -> str:
    if count == 0:
        return "Every image that was asked for has its label; it stands below it."
    first = "" if shown == count else f"; the first {shown:,} by key are shown"
    return f"{count:,} images wait for a label{first}. Below each of them stands its key."


def wait_for_labels(records: Records, wanted: pd.DataFrame, figure: go.Figure, labels: str | None, arm: str) -> Records:
    """Return the records of all rounds, once every image that was asked for has a label.

    It takes the figure for that one to be drawn before.

    Raises:
        InputError: Labels are missing; says where they are listed and how to go on.
    """
    if len(wanted):
        raise InputError(
            f"{len(wanted)} images wait for a label: {wanted.attrs['file']} lists them, active_page_{arm}.html beside "
            f"it shows them; fill in its column `label`, add its lines to {labels}, and run the same command again."
        )
    return records
