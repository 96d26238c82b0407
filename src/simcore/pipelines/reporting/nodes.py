"""Nodes of the stage `reporting`: tables, figures, gallery and the page that joins them."""

import os
import platform
import shlex
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from simcore.embeddings import Embeddings
from simcore.evaluation.metrics import headline_metrics
from simcore.images import ImageStore
from simcore.parameters import (
    GIVEN_ENCODER,
    ImageParameters,
    ParameterTree,
    ReportingParameters,
    SelectionParameters,
    check_parameters,
)
from simcore.pipelines.arms import ARMS, GIVEN, REFERENCES
from simcore.pipelines.audit.showing import show_pairs
from simcore.reporting import (
    Gallery,
    GalleryRow,
    Report,
    Section,
    Selection,
    accuracy_figure,
    audit_section,
    centroid_gallery,
    class_section,
    compare_arms,
    composition_figure,
    coreset_purity,
    coreset_shares,
    curves_figure,
    describe_data,
    draw_gallery,
    neighbour_gallery,
    paired_differences,
    render_report,
    rounds_gallery,
    state_answer,
    state_finding,
    trace_figure,
)
from simcore.reuse.reading import reads_only_if
from simcore.selection import Clustering

Records = list[dict[str, Any]]

# Where the page says its artefacts are: dataset name to what it is.
_SHOWN = {
    "coreset_simcore": "coreset (keys, rounds, centroids, similarities)",
    "trace": "trace of the rounds",
    "certificate": "certificate of exactness",
    "target_embeddings": "embeddings of the target",
    "openset_embeddings": "embeddings of the open-set",
    "retrieval_encoder": "retrieval encoder",
    **{f"{arm}.encoders": f"encoders pretrained on {arm}" for arm in ARMS},
    "comparison": "comparison table",
}

# What a given list stands for.
_SELECTED = frozenset({"coreset_simcore", "trace", "certificate", "coreset_by_centroid"})

# One artefact a node, for the time that each stage took.
_TIMED = {
    "ingestion": ("target_rejected", "openset_rejected", "image_size"),
    "retrieval": ("retrieval_curves",),
    "embedding": ("target_embeddings", "openset_embeddings"),
    "clustering": ("centroids",),
    "selection": ("coreset_by_centroid", "coreset_random"),
    "pretraining": tuple(f"curves_{arm}" for arm in ARMS),
    "evaluation": (*(f"metrics_{arm}" for arm in ARMS), "metrics_references"),
}


@reads_only_if("metrics_given", parameter=GIVEN_ENCODER, field="spec")
def compare(
    x: Records,
    random: Records,
    simcore: Records,
    references: Records,
    given: Records | None,
    encoder: str | None,
    target_manifest: pd.DataFrame,
    *beside: Records | None,
) -> pd.DataFrame:
    """Return the comparison of all arms and references, with what was evaluated beside the stages and holds."""
    of_given = given or [] if encoder is not None else []
    records = _join([x, random, simcore, references, of_given, *beside])
    return compare_arms(records, **_how_compared(records, target_manifest))


def _join(lists: Iterable[Records | None]) -> Records:
    return [record for each in lists for record in each or []]


def _how_compared(records: Records, target_manifest: pd.DataFrame) -> dict[str, Any]:
    """Return the arms, the references, and which metric leads."""
    with_given = any(record["arm"] == GIVEN for record in records)
    test = target_manifest[target_manifest["split"] == "test"]
    return {
        "arms": ARMS,
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
    *curves: pd.DataFrame,
) -> tuple[go.Figure, go.Figure, go.Figure, go.Figure]:
    """Return the figures of the trace, the accuracies, the coreset's composition and the training curves."""
    return (
        trace_figure(trace, threshold=selection.tau, stopped=certificate["stopped_by"]),
        accuracy_figure(comparison),
        composition_figure(coreset_shares(coreset, openset_manifest)),
        curves_figure(pd.concat(curves, ignore_index=True)),
    )


def _galleries(
    coreset: pd.DataFrame,
    coreset_random: pd.DataFrame,
    *,
    centroids: Clustering,
    target_embeddings: Embeddings,
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    images: ImageParameters,
    reporting: ReportingParameters,
) -> tuple[list[GalleryRow], list[GalleryRow], list[GalleryRow]]:
    """Return the rows by centroid, by round, and of nearest neighbours within X."""
    target_images = ImageStore(target_manifest[target_manifest["split"] == "train"], cache_gib=images.cache_gib)
    shown = openset_manifest["key"].isin([*coreset["key"], *coreset_random["key"]])
    openset_images = ImageStore(openset_manifest[shown], cache_gib=images.cache_gib)
    keys, rows = target_embeddings.keys(), target_embeddings.to_numpy()
    by_centroid = centroid_gallery(
        coreset,
        centroids=centroids.centroids,
        target_embeddings=rows,
        target_keys=keys,
        target_images=target_images,
        openset_images=openset_images,
        n_centroids=reporting.gallery_centroids,
        n_picks=reporting.gallery_picks,
    )
    by_round = rounds_gallery(coreset, openset_images=openset_images, random_keys=coreset_random["key"].to_numpy())
    neighbours = neighbour_gallery({"nearest in X": rows}, keys=keys, images=target_images)
    return by_centroid, by_round, neighbours


def draw_gallery_picture(
    coreset: pd.DataFrame,
    coreset_random: pd.DataFrame,
    centroids: Clustering,
    target_embeddings: Embeddings,
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    images: ImageParameters,
    reporting: ReportingParameters,
) -> bytes:
    """Return one PNG: a row a centroid, its nearest target images beside its first picks; of a given list its picks."""
    by_centroid, by_round, _ = _galleries(
        coreset,
        coreset_random,
        centroids=centroids,
        target_embeddings=target_embeddings,
        target_manifest=target_manifest,
        openset_manifest=openset_manifest,
        images=images,
        reporting=reporting,
    )
    return draw_gallery(by_centroid or by_round)  # a given list has no centroids


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


def _command() -> str:
    """Return the command that was typed, or the plain one where a script runs the pipeline."""
    program = Path(sys.argv[0])
    typed = program.name == "kedro" or program.parent.name == "kedro"  # the script, or `python -m kedro`
    return shlex.join(["kedro", *sys.argv[1:]]) if typed else "kedro run"


def _stage_seconds(made: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return the seconds of each stage's nodes, once a node: its last artefact stands for it."""
    return {stage: sum(made[name]["seconds"] for name in names if name in made) for stage, names in _TIMED.items()}


def _machine(made: dict[str, dict[str, Any]]) -> dict[str, str]:
    versions = made.get("retrieval_encoder", {}).get("versions", {})
    return {
        "processor": f"{platform.machine()}, {os.cpu_count()} cores",
        "system": platform.platform(terse=True),
        "Python": platform.python_version(),
        **versions,
    }


def write_report(
    made: dict[str, dict[str, Any]],
    target_manifest: pd.DataFrame,
    target_rejected: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    openset_rejected: pd.DataFrame,
    image_size: dict[str, Any],
    coreset: pd.DataFrame,
    coreset_random: pd.DataFrame,
    trace: pd.DataFrame,
    certificate: dict[str, Any],
    centroids: Clustering,
    target_embeddings: Embeddings,
    comparison: pd.DataFrame,
    audit_summary: Records | None,
    duplicates: pd.DataFrame | None,
    trace_plot: go.Figure,
    accuracy_plot: go.Figure,
    composition_plot: go.Figure,
    curves_plot: go.Figure,
    classes_x: pd.DataFrame,
    classes_random: pd.DataFrame,
    classes_simcore: pd.DataFrame,
    confusion_x: go.Figure,
    confusion_random: go.Figure,
    confusion_simcore: go.Figure,
    parameters: dict[str, Any],
    *metrics: Records | None,
) -> str:
    """Return the report: one self-contained HTML page."""
    settings = check_parameters(parameters)
    records = _join(metrics)
    differences = paired_differences(records, **_how_compared(records, target_manifest))
    findings = [state_finding(differences, against="random"), state_finding(differences, against="x")]
    purity = coreset_purity(coreset, openset_manifest, relevant=settings.reporting.relevant_labels)
    by_centroid, by_round, neighbours = _galleries(
        coreset,
        coreset_random,
        centroids=centroids,
        target_embeddings=target_embeddings,
        target_manifest=target_manifest,
        openset_manifest=openset_manifest,
        images=settings.images,
        reporting=settings.reporting,
    )
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
        answer=state_answer(selection, purity=purity, finding=findings[0]),
        command=_command(),
        data=[
            *describe_data(target_manifest, target_rejected, name="target"),
            *describe_data(openset_manifest, openset_rejected, name="open-set"),
        ],
        settings={"image_size": image_size, **settings.model_dump(mode="json")},
        seeds=settings.pretraining.seeds,
        machine=_machine(made),
        stage_seconds=_stage_seconds(made),
        selection=selection,
        purity=purity,
        shares=coreset_shares(coreset, openset_manifest),
        source_shares=coreset_shares(coreset, openset_manifest, by="source"),
        comparison=comparison,
        differences=differences,
        findings=findings,
        figures={
            "trace": trace_plot,
            "accuracy": accuracy_plot,
            "composition": composition_plot,
            "curves": curves_plot,
        },
        galleries=[
            Gallery(
                "What each centroid picked",
                tuple(by_centroid),
                caption="Centroids evenly spread from the one whose first pick is most similar to the one whose first "
                "pick is least similar. Below each image: cosine similarity to the centroid.",
            ),
            Gallery(
                "First and last rounds, and a random draw",
                tuple(by_round),
                caption="Evenly spread picks of each round. Below each image: similarity to its centroid.",
            ),
            Gallery(
                "Nearest neighbours within X",
                tuple(neighbours),
                caption="Queries evenly spread over X. Below each image: cosine similarity to the query.",
            ),
        ],
        sections=[
            class_section(
                pd.concat([classes_x, classes_random, classes_simcore], ignore_index=True),
                arms=ARMS,
                confusions=dict(zip(ARMS, (confusion_x, confusion_random, confusion_simcore), strict=True)),
            ),
            _audit(audit_summary, duplicates, target_manifest, openset_manifest, settings=settings),
        ],
        artefacts={title: made[name]["path"] for name, title in _SHOWN.items() if name in made},
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    return render_report(report)
