"""The project's pipelines, registered by hand.

Kedro's selective loading makes `find_pipelines()` drop names that it does not find as folders.
"""

from kedro.pipeline import Pipeline

from simcore.pipelines import (
    clustering,
    embedding,
    evaluation,
    ingestion,
    plan,
    pretraining,
    reporting,
    retrieval,
    selection,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Return the stages by name, in the order the data go, all of them as `__default__`, and what is run beside."""
    stages = {
        "ingestion": ingestion.create_pipeline(),
        "retrieval": retrieval.create_pipeline(),
        "embedding": embedding.create_pipeline(),
        "clustering": clustering.create_pipeline(),
        "selection": selection.create_pipeline(),
        "pretraining": pretraining.create_pipeline(),
        "evaluation": evaluation.create_pipeline(),
        "reporting": reporting.create_pipeline(),
    }
    asides = {"plan": stages["ingestion"] + plan.create_pipeline()}
    return {"__default__": sum(stages.values(), Pipeline([])), **stages, **asides}
