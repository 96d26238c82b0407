"""The stage `pretraining`."""

from simcore.pipelines.pretraining.pipeline import create_pipeline

__all__ = ["create_pipeline"]
