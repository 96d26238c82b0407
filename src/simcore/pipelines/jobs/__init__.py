"""The pipeline `jobs`: the whole job as commands for several processes or machines."""

from simcore.pipelines.jobs.pipeline import create_pipeline

__all__ = ["create_pipeline"]
