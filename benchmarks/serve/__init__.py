"""The gateway and its console, measured: ``python -m benchmarks.serve.WHAT``."""
