"""The pipeline `attributes`."""

from simcore.pipelines.attributes.pipeline import create_pipeline

__all__ = ["create_pipeline"]
