"""The project's pipelines, registered by hand.

Kedro's selective loading makes `find_pipelines()` drop names that it does not find as folders.
"""

from kedro.pipeline import Pipeline

from simcore.pipelines import (
    active_learning,
    attributes,
    audit,
    clustering,
    detection,
    embedding,
    evaluation,
    export,
    finetune,
    ingestion,
    jobs,
    openset_semi_supervised,
    plan,
    pretraining,
    prune,
    reporting,
    retrieval,
    segmentation,
    selection,
    semi_supervised,
    status,
    study,
    webly,
)
from simcore.pipelines.arms import studies
from simcore.pipelines.variants import create_variants


def register_pipelines() -> dict[str, Pipeline]:
    """Return the stages by name in the order of the data, all of them as `__default__`, asides and studies."""
    stages = {
        "ingestion": ingestion.create_pipeline(),
        "retrieval": retrieval.create_pipeline(),
        "embedding": embedding.create_pipeline(),
        "screening": audit.create_screening(),
        "clustering": clustering.create_pipeline(),
        "selection": selection.create_pipeline(),
        "pretraining": pretraining.create_pipeline(),
        "evaluation": evaluation.create_pipeline(),
        "reporting": reporting.create_pipeline(),
    }
    # An encoder from elsewhere needs of the stages before no more than the target.
    target = stages["ingestion"].to_outputs("target_manifest", "image_size")
    # The open-set without what no arm may take.
    pools = stages["ingestion"] + stages["screening"] + stages["selection"].to_outputs("excluded")
    asides = {
        "evaluation": target + stages["evaluation"],
        "finetune": target + finetune.create_pipeline(),
        "attributes": target + attributes.create_pipeline(),
        "plan": stages["ingestion"] + plan.create_pipeline(),
        "export": export.create_pipeline(),
        "audit": stages["ingestion"] + stages["screening"] + audit.create_pipeline(),
        "detection": target + detection.create_pipeline(),
        "segmentation": target + segmentation.create_pipeline(),
        "semi_supervised": target + semi_supervised.create_pipeline(),
        "active_learning": target + active_learning.create_pipeline(),
        "openset_semi_supervised": pools + openset_semi_supervised.create_pipeline(),
        "webly": pools + webly.create_pipeline(),
        "jobs": jobs.create_pipeline(),
        "prune": prune.create_pipeline(),
        "status": status.create_pipeline(),
    }
    whole = sum(stages.values(), Pipeline([]))
    return {"__default__": whole, "comparison": whole, **stages, **asides, **_studies(stages)}


def _studies(stages: dict[str, Pipeline]) -> dict[str, Pipeline]:
    """Return a pipeline for every study: the stages with its arms, its table and its figure."""
    before = ("ingestion", "retrieval", "embedding", "screening", "clustering")
    shared = sum((stages[name] for name in before), Pipeline([]))
    return {
        name: shared
        + create_variants(name)
        + selection.create_pipeline(name)
        + pretraining.create_pipeline(name)
        + evaluation.create_pipeline(name)
        + study.create_pipeline(name)
        for name in studies()
    }
