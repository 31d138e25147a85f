"""Checks of the suite ``groundedness``."""
