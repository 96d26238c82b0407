"""The pipeline `semi_supervised`."""

from simcore.pipelines.semi_supervised.pipeline import create_pipeline

__all__ = ["create_pipeline"]
