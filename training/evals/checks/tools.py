"""Checks of the suite ``tools``."""
