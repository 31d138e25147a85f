"""Carrying decisions out, measured and drilled against the fault server: ``python -m benchmarks.execution WHAT``."""
