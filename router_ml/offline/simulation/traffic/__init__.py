"""Requests: unique ones, where they come from, and how they arrive."""
