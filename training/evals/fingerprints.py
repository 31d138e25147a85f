"""Fingerprints of what the results of a run depend on; see ``watching.dependencies``."""

from __future__ import annotations

from training.evals.watching.dependencies import dependencies_of

__all__ = ["dependencies_of"]
