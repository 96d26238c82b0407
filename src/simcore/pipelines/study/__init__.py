"""The studies: arms in a table and a figure of their own."""

from simcore.pipelines.study.pipeline import create_pipeline

__all__ = ["create_pipeline"]
