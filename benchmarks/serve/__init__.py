"""Measures of the gateway: ``python -m benchmarks.serve WHAT``."""
