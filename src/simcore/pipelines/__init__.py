"""Pipelines: one folder a stage, thin nodes over the domain rooms."""
