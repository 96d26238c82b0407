"""The stage `clustering`."""

from simcore.pipelines.clustering.pipeline import create_pipeline

__all__ = ["create_pipeline"]
