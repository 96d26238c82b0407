"""The project's pipelines, registered by hand.

Kedro's selective loading makes `find_pipelines()` drop names that it does not find as folders.
"""

from kedro.pipeline import Pipeline

from simcore.pipelines import (
    attributes,
    audit,
    clustering,
    detection,
    embedding,
    evaluation,
    export,
    finetune,
    ingestion,
    plan,
    pretraining,
    reporting,
    retrieval,
    segmentation,
    selection,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Return the stages by name, in the order the data go, all of them as `__default__`, and what is run beside."""
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
    asides = {
        "evaluation": target + stages["evaluation"],
        "finetune": target + finetune.create_pipeline(),
        "attributes": target + attributes.create_pipeline(),
        "plan": stages["ingestion"] + plan.create_pipeline(),
        "export": export.create_pipeline(),
        "audit": stages["ingestion"] + stages["screening"] + audit.create_pipeline(),
        "detection": stages["ingestion"].to_outputs("target_manifest") + detection.create_pipeline(),
        "segmentation": target + segmentation.create_pipeline(),
    }
    return {"__default__": sum(stages.values(), Pipeline([])), **stages, **asides}
