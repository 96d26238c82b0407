"""The stage `retrieval`."""

from simcore.pipelines.retrieval.pipeline import create_pipeline

__all__ = ["create_pipeline"]
