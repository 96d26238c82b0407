"""The pipeline `finetune`."""

from simcore.pipelines.finetune.pipeline import create_pipeline

__all__ = ["create_pipeline"]
