"""Estimators, intervals and diagnostics under ``offline.ope``, ``offline.gate`` and ``offline.canary``."""
