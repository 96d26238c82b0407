"""The pipeline `detection`."""

from simcore.pipelines.detection.pipeline import create_pipeline

__all__ = ["create_pipeline"]
