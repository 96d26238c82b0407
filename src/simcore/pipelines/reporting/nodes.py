"""Nodes of the stage `reporting`: tables, figures, gallery and the page that joins them."""

import os
import platform
import shlex
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from simcore.embeddings import Embeddings
from simcore.evaluation.metrics import headline_metrics
from simcore.parameters import (
    ParameterTree,
    SelectionParameters,
    check_parameters,
)
from simcore.pipelines.active_learning.showing import show_queries
from simcore.pipelines.arms import GIVEN, REFERENCES, SELECTED, SINGLE, arms
from simcore.pipelines.audit.showing import show_pairs
from simcore.pipelines.beside_published import beside_published
from simcore.pipelines.reporting.pictures import DRAWN, make_galleries
from simcore.reporting import (
    Report,
    Section,
    Selection,
    accuracy_figure,
    audit_section,
    class_section,
    compare_arms,
    compare_pairs,
    composition_figure,
    coreset_purity,
    coreset_shares,
    curves_figure,
    describe_data,
    render_report,
    share_figure,
    state_answer,
    state_finding,
    study_section,
    trace_figure,
)
from simcore.reporting.label_curves import EVALUATION as ACTIVE_LEARNING
from simcore.reporting.label_curves import active_learning_section
from simcore.reporting.short_labels import OWN_SECTIONS, short_labels_section
from simcore.selection import Clustering
from simcore.study import describe_terms

Records = list[dict[str, Any]]

# Where the page says its artefacts are: dataset name to what it is.
_SHOWN = {
    "coreset_simcore": "coreset (keys, rounds, centroids, similarities)",
    "trace": "trace of the rounds",
    "certificate": "certificate of exactness",
    "target_embeddings": "embeddings of the target",
    "openset_embeddings": "embeddings of the open-set",
    "retrieval_encoder": "retrieval encoder",
    "comparison": "comparison table",
}

# In the order in which the nodes give them.
DRAWN_FIGURES = ("trace", "accuracy", "composition", "sources", "curves")
PLACED_FIGURES = ("features", "ring", "similarity")
FIGURES = (*DRAWN_FIGURES, *PLACED_FIGURES)

# What a given list stands for.
_SELECTED = frozenset({"coreset_simcore", "trace", "certificate", "coreset_by_centroid"})

# One artefact a node, for the time that each stage took.
_TIMED = {
    "ingestion": ("target_rejected", "openset_rejected", "image_size"),
    "retrieval": ("retrieval_curves",),
    "embedding": ("target_embeddings", "openset_embeddings"),
    "clustering": ("centroids",),
    "selection": ("coreset_by_centroid", "coreset_random"),
}


def compare(
    target_manifest: pd.DataFrame,
    encoder: str | None,
    of_references: Records,
    of_given: Records | None,
    beside: Records,
    **metrics: Records,
) -> pd.DataFrame:
    """Return the comparison of all arms and references, with what was evaluated beside the stages and holds."""
    records = _join(of_references, of_given, beside, metrics, encoder=encoder)
    return compare_arms(records, **_how_compared(records, target_manifest))


def _join(
    of_references: Records,
    of_given: Records | None,
    beside: Records,
    metrics: Mapping[str, Records],
    *,
    encoder: str | None,
) -> Records:
    given = of_given or [] if encoder is not None else []
    return [*_of_arms("metrics", metrics), *of_references, *given, *beside]


def _of_arms(what: str, inputs: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what the arms, in their order, have under `<what>_<arm>`; of lists their items."""
    for arm in arms():
        found = inputs[f"{what}_{arm}"]
        yield from found if isinstance(found, list) else [found]


def _how_compared(records: Records, target_manifest: pd.DataFrame) -> dict[str, Any]:
    """Return the arms, the references, and which metric leads."""
    with_given = any(record["arm"] == GIVEN for record in records)
    test = target_manifest[target_manifest["split"] == "test"]
    return {
        "arms": tuple(arms()),
        "references": (*REFERENCES, GIVEN) if with_given else REFERENCES,
        "headline": headline_metrics(
            dict.fromkeys(record["evaluation"] for record in records), sources=test["source"].unique()
        ),
    }


def draw_figures(
    trace: pd.DataFrame,
    certificate: dict[str, Any],
    comparison: pd.DataFrame,
    coreset: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    selection: SelectionParameters,
    **of_arms: Any,
) -> tuple[go.Figure, ...]:
    """Return the figures of the trace, the accuracies, the coreset's composition and the training curves."""
    stopped = certificate["stopped_by"]
    return (
        trace_figure(trace, threshold=selection.tau, stopped=stopped),
        accuracy_figure(
            comparison[~comparison["evaluation"].isin(OWN_SECTIONS)], records=list(_of_arms("metrics", of_arms))
        ),
        composition_figure(coreset_shares(coreset, openset_manifest)),
        share_figure(coreset, openset_manifest, by="source"),
        curves_figure(pd.concat(list(_of_arms("curves", of_arms)), ignore_index=True)),
    )


def _audit(
    summary: Records | None,
    duplicates: pd.DataFrame | None,
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    *,
    settings: ParameterTree,
) -> Section:
    """Return what the audit found, if it has run and holds."""
    if summary is None or duplicates is None:
        return audit_section(None)
    rows = show_pairs(
        duplicates, target_manifest, openset_manifest, images=settings.images, n_pairs=settings.audit.gallery_pairs
    )
    return audit_section(summary, rows=rows, n_pairs=len(duplicates))


def _active_learning(
    records: Records, queries: Mapping[str, pd.DataFrame], target_manifest: pd.DataFrame, *, settings: ParameterTree
) -> list[Section]:
    """Return the section of active learning, where it has run and holds."""
    metric = _how_compared(records, target_manifest)["headline"].get(ACTIVE_LEARNING)
    if metric is None:
        return []
    order = (*arms(), GIVEN)
    found = {arm: queries[f"active_queries_{arm}"] for arm in order if f"active_queries_{arm}" in queries}
    n_images = settings.active_learning.pictures
    galleries = show_queries(found, target_manifest, images=settings.images, n_images=n_images)
    ordered = sorted(
        (record for record in records if record["arm"] in order), key=lambda each: order.index(each["arm"])
    )
    section = active_learning_section(ordered, metric=metric, galleries=galleries)
    return [] if section is None else [section]


def _command() -> str:
    """Return the command that was typed, or the plain one where a script runs the pipeline."""
    program = Path(sys.argv[0])
    typed = program.name == "kedro" or program.parent.name == "kedro"  # the script, or `python -m kedro`
    return shlex.join(["kedro", *sys.argv[1:]]) if typed else "kedro run"


def _stage_seconds(made: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return the seconds of each stage's nodes, once a node: its last artefact stands for it."""
    timed = {
        **_TIMED,
        "pretraining": tuple(f"curves_{arm}" for arm in arms()),
        "evaluation": (*(f"metrics_{arm}" for arm in arms()), "metrics_references"),
    }
    return {stage: sum(made[name]["seconds"] for name in names if name in made) for stage, names in timed.items()}


def _machine(made: dict[str, dict[str, Any]]) -> dict[str, str]:
    versions = made.get("retrieval_encoder", {}).get("versions", {})
    return {
        "processor": f"{platform.machine()}, {os.cpu_count()} cores",
        "system": platform.platform(terse=True),
        "Python": platform.python_version(),
        **versions,
    }


def _n_openset(arm: str, coresets: Mapping[str, pd.DataFrame], openset_manifest: pd.DataFrame) -> int:
    return len(openset_manifest) if arms()[arm].openset == "all" else len(coresets.get(arm, ()))


def write_report(
    made: dict[str, dict[str, Any]],
    target_manifest: pd.DataFrame,
    target_rejected: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    openset_rejected: pd.DataFrame,
    image_size: dict[str, Any],
    coreset: pd.DataFrame,
    trace: pd.DataFrame,
    certificate: dict[str, Any],
    centroids: Clustering,
    target_embeddings: Embeddings,
    comparison: pd.DataFrame,
    audit_summary: Records | None,
    duplicates: pd.DataFrame | None,
    queries: dict[str, pd.DataFrame],
    parameters: dict[str, Any],
    encoder: str | None,
    of_references: Records,
    of_given: Records | None,
    beside: Records,
    studies: dict[str, pd.DataFrame],
    **of_arms: Any,
) -> str:
    """Return the report: one self-contained HTML page."""
    coresets = {arm: of_arms[f"coreset_{arm}"] for arm in arms() if f"coreset_{arm}" in of_arms} | {SELECTED: coreset}
    steps = {arm: int(of_arms[f"curves_{arm}"]["step"].max()) for arm in arms()}
    settings = check_parameters(parameters)
    records = _join(of_references, of_given, beside, of_arms, encoder=encoder)
    others = [record for record in records if record["evaluation"] not in OWN_SECTIONS]
    short_labels = short_labels_section(comparison, headline=_how_compared(records, target_manifest)["headline"])
    differences = compare_pairs(others, **_how_compared(others, target_manifest))
    findings = [state_finding(differences, against=other) for other in (DRAWN, "x") if other in arms()]
    purity = coreset_purity(coreset, openset_manifest, relevant=settings.reporting.relevant_labels)
    selection = Selection(
        n_picked=len(coreset),
        n_openset=len(openset_manifest),
        n_rounds=int(trace["kept"].sum()),
        n_centroids=len(centroids.centroids),
        stopped=certificate["stopped_by"],
        certificate=certificate,
        given=certificate.get("list"),
    )
    if selection.given is not None:
        # The records are those of an earlier selection.
        made = {name: record for name, record in made.items() if name not in _SELECTED}
    report = Report(
        title="SimCore: which open-set images help this target",
        answer=state_answer(selection, purity=purity, finding=findings[0] if findings else ""),
        command=_command(),
        data=[
            *describe_data(target_manifest, target_rejected, name="target"),
            *describe_data(openset_manifest, openset_rejected, name="open-set"),
        ],
        settings={"image_size": image_size, **settings.model_dump(mode="json")},
        seeds=settings.comparison.seeds,
        machine=_machine(made),
        stage_seconds=_stage_seconds(made),
        selection=selection,
        purity=purity,
        shares=coreset_shares(coreset, openset_manifest),
        source_shares=coreset_shares(coreset, openset_manifest, by="source"),
        comparison=comparison[~comparison["evaluation"].isin(OWN_SECTIONS)],
        differences=differences,
        findings=findings,
        figures={
            name: of_arms[f"figure_{name}"]
            for name in FIGURES
            if name != "sources" or openset_manifest["source"].nunique() > 1
        },
        galleries=make_galleries(
            coresets,
            certificate=certificate,
            centroids=centroids,
            target_embeddings=target_embeddings,
            target_manifest=target_manifest,
            openset_manifest=openset_manifest,
            images=settings.images,
            reporting=settings.reporting,
            # Of a given list nobody knows the centroids.
            single=of_arms.get(f"coreset_{SINGLE}") if selection.given is None else None,
        ),
        steps=steps,
        terms=describe_terms(steps, fairness=settings.comparison.fairness),
        published=beside_published(
            [record for record in records if record["arm"] in arms()],
            target_manifest,
            openset_manifest,
            sizes={arm: _n_openset(arm, coresets, openset_manifest) for arm in arms()},
            image_size=image_size["image_size"],
            pretraining=settings.pretraining,
            selection=settings.selection,
            comparison=settings.comparison,
        ),
        sections=[
            class_section(
                pd.concat(list(_of_arms("per_class", of_arms)), ignore_index=True),
                arms=tuple(arms()),
                confusions=dict(zip(arms(), _of_arms("figure_confusion", of_arms), strict=True)),
            ),
            *([] if short_labels is None else [short_labels]),
            *_active_learning(records, queries, target_manifest, settings=settings),
            *(study_section(name.removeprefix("study_"), table) for name, table in studies.items()),
            _audit(audit_summary, duplicates, target_manifest, openset_manifest, settings=settings),
        ],
        artefacts={
            **{title: made[name]["path"] for name, title in _SHOWN.items() if name in made},
            **{
                f"encoders pretrained on {arm}": made[f"encoders_{arm}"]["path"]
                for arm in arms()
                if f"encoders_{arm}" in made
            },
        },
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    return render_report(report)
