"""The stage `screening`, before the selection, and the pipeline `audit` beside the stages."""

from simcore.pipelines.audit.pipeline import create_pipeline, create_screening

__all__ = ["create_pipeline", "create_screening"]
