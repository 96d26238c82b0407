"""The pipeline `export`."""

from simcore.pipelines.export.pipeline import create_pipeline

__all__ = ["create_pipeline"]
