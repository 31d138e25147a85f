"""Checks of the suite ``safety``."""
