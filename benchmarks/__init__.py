"""Measurements: one module a subject, results as JSON in `results/`, tables in docs/benchmarks.md."""
