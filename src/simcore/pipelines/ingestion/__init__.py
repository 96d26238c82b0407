"""The stage `ingestion`."""

from simcore.pipelines.ingestion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
