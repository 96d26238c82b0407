"""The pipeline `prune`: disk space back."""

from simcore.pipelines.prune.pipeline import create_pipeline

__all__ = ["create_pipeline"]
