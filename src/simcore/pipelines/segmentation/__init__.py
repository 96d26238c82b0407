"""The pipeline `segmentation`."""

from simcore.pipelines.segmentation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
