"""Results class by class: a table, and a picture of what was taken for what."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from simcore.errors import InputError
from simcore.reporting.figure_style import finish_figure, plain_text, say_instead
from simcore.reporting.names import arm_title, format_number, measure_title, start_sentence
from simcore.reporting.report import Block, Figure, Section, Table

_MOST_CLASSES = 40
_LISTED_CLASSES = 400
_OTHERS = "others"


def _leading(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first evaluation and protocol."""
    first = frame.iloc[0]
    return frame[(frame["evaluation"] == first["evaluation"]) & (frame["protocol"] == first["protocol"])]


def confusion_figure(confusion: pd.DataFrame, *, arm: str, most: int = _MOST_CLASSES) -> go.Figure:
    """Return a heat map: the share of each class's test images that was taken for each class, all seeds together.

    The first evaluation and protocol of the table is drawn. With more classes than `most`, those with most wrong images
    are, and the rest is one row and column.

    Args:
        confusion: Frame with `evaluation`, `protocol`, `true`, `predicted`, `n`, one row a pair that occurs.
        arm: Whose it is.
        most: Classes shown.

    Raises:
        InputError: A column is missing.

    Example:
        >>> row = {"evaluation": "linear", "protocol": "clean", "true": "cat", "predicted": "dog", "n": 3}
        >>> figure = confusion_figure(pd.DataFrame([row]), arm="x")
        >>> figure.data[0].z.tolist()  # all cats are taken for dogs, and there is no dog
        [[0.0, 1.0], [nan, nan]]
    """
    missing = [name for name in ("evaluation", "protocol", "true", "predicted", "n") if name not in confusion]
    if missing:
        raise InputError(f"`confusion` lacks {', '.join(missing)}; pass what the evaluation wrote.")
    if confusion.empty:
        return say_instead("Confusions: not evaluated: no labels.")
    shown = _leading(confusion)
    counts = shown.pivot_table(index="true", columns="predicted", values="n", aggfunc="sum", fill_value=0)
    classes = sorted({*counts.index, *counts.columns})
    square = counts.reindex(index=classes, columns=classes, fill_value=0).to_numpy(dtype=np.int64)
    if len(classes) > most:
        wrong = square.sum(axis=1) - square.diagonal()
        kept = np.sort(np.argsort(-wrong, kind="stable")[: most - 1])
        place = np.full(len(classes), len(kept))
        place[kept] = np.arange(len(kept))
        gathered = np.zeros((len(kept) + 1, len(kept) + 1), dtype=np.int64)
        np.add.at(gathered, (place[:, None], place[None, :]), square)
        classes, square = [*(classes[number] for number in kept), f"{len(classes) - len(kept)} {_OTHERS}"], gathered
    totals = square.sum(axis=1, keepdims=True)
    shares = np.divide(square, totals, out=np.full(square.shape, np.nan), where=totals > 0)
    names = [plain_text(name) for name in classes]
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=names,
            y=names,
            customdata=square,
            zmin=0,
            zmax=1,
            colorscale="Cividis",
            colorbar={"title": "share"},
            hovertemplate="%{y} taken for %{x}: %{z:.1%}, %{customdata:,} images<extra></extra>",
        )
    )
    first = shown.iloc[0]
    title = measure_title(first["evaluation"], "top1", first["protocol"]).replace(", top-1 accuracy", "")
    figure.update_xaxes(title=plain_text(f"taken for ({arm_title(arm)}, {title})"), showgrid=False, type="category")
    figure = finish_figure(figure, height=220 + 18 * len(classes), title="Taken for which class")
    return figure.update_yaxes(autorange="reversed", title="class", showgrid=False, type="category")


def class_section(per_class: pd.DataFrame, *, arms: Sequence[str], confusions: dict[str, go.Figure]) -> Section:
    """Return the section that shows each class: accuracy by arm, mean over seeds, and the confusions of each arm.

    Args:
        per_class: Frame with `arm`, `seed`, `evaluation`, `protocol`, `class`, `n`, `accuracy`.
        arms: In the order of the columns.
        confusions: Figures of `confusion_figure` by arm.

    Example:
        >>> row = {"arm": "x", "seed": 0, "evaluation": "linear", "protocol": "clean", "class": "cat", "n": 4}
        >>> section = class_section(pd.DataFrame([{**row, "accuracy": 0.75}]), arms=["x"], confusions={})
        >>> section.blocks[0].rows
        (('cat', '4', '0.750'),)
    """
    title, anchor = "Class by class", "classes"
    if per_class.empty:
        return Section(title, anchor, ("Accuracy of each class: not evaluated: no labels.",))
    shown = _leading(per_class)
    first = shown.iloc[0]
    means = shown.pivot_table(index="class", columns="arm", values="accuracy", aggfunc="mean")
    sizes = shown.groupby("class")["n"].first()
    there = [arm for arm in arms if arm in means]
    rows = tuple(
        (str(name), f"{sizes[name]:,}", *(format_number(means.loc[name, arm]) for arm in there)) for name in means.index
    )
    of = start_sentence(measure_title(first["evaluation"], "top1", first["protocol"]))
    note = f"{of}: share of a class's test images that is right, mean over seeds."
    if len(rows) > _LISTED_CLASSES:
        note += f" The first {_LISTED_CLASSES} of {len(rows):,} classes; all are in the artefacts `per_class_…`."
    table = Table(
        "Accuracy of each class",
        ("class", "test images", *map(arm_title, there)),
        rows[:_LISTED_CLASSES],
        note,
        folded=len(rows) > _MOST_CLASSES,
    )
    pictures: list[Block] = [
        Figure(
            figure,
            f"{arm_title(arm)}: share of each class's test images that was taken for each class, all seeds together.",
            f"Heat map of the classes of the test images against what {arm_title(arm)} took them for.",
        )
        for arm, figure in confusions.items()
    ]
    return Section(title, anchor, (table, *pictures))
