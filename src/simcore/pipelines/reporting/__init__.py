"""The stage `reporting`."""

from simcore.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
