"""Measurements and drills of the gateway; ``python -m benchmarks.serve`` lists them."""
