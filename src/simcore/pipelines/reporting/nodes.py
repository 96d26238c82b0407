"""Nodes of the stage `reporting`: tables, figures, gallery and the page that joins them."""

import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from simcore.embeddings import Embeddings
from simcore.images import ImageStore
from simcore.parameters import ImageParameters, ReportingParameters, SelectionParameters, check_parameters
from simcore.pipelines.arms import ARMS, REFERENCES
from simcore.reporting import (
    Gallery,
    GalleryRow,
    Report,
    Selection,
    accuracy_figure,
    centroid_gallery,
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


def compare(x: Records, random: Records, simcore: Records, references: Records) -> pd.DataFrame:
    """Return the comparison of all arms and references."""
    return compare_arms([*x, *random, *simcore, *references], arms=ARMS, references=REFERENCES)


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
    """Return one PNG: a row a centroid, its nearest target images beside its first picks."""
    by_centroid, _, _ = _galleries(
        coreset,
        coreset_random,
        centroids=centroids,
        target_embeddings=target_embeddings,
        target_manifest=target_manifest,
        openset_manifest=openset_manifest,
        images=images,
        reporting=reporting,
    )
    return draw_gallery(by_centroid)


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
    trace_plot: go.Figure,
    accuracy_plot: go.Figure,
    composition_plot: go.Figure,
    curves_plot: go.Figure,
    parameters: dict[str, Any],
    *metrics: Records,
) -> str:
    """Return the report: one self-contained HTML page."""
    settings = check_parameters(parameters)
    records = [record for arm in metrics for record in arm]
    differences = paired_differences(records, arms=ARMS, references=REFERENCES)
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
    )
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
        artefacts={title: made[name]["path"] for name, title in _SHOWN.items() if name in made},
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    return render_report(report)
