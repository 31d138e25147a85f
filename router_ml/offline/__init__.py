"""Judging policies without traffic: off-policy estimates, cost-quality curves, simulation."""
