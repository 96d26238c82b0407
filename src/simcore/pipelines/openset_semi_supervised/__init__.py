"""The pipeline `openset_semi_supervised`."""

from simcore.pipelines.openset_semi_supervised.pipeline import create_pipeline

__all__ = ["create_pipeline"]
