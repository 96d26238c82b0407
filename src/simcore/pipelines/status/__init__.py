"""The pipeline `status`: what a data root holds."""

from simcore.pipelines.status.pipeline import create_pipeline

__all__ = ["create_pipeline"]
