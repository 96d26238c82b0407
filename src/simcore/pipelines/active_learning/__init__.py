"""The pipeline `active_learning`."""

from simcore.pipelines.active_learning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
