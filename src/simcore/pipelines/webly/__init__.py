"""The pipeline `webly`."""

from simcore.pipelines.webly.pipeline import create_pipeline

__all__ = ["create_pipeline"]
