"""Checks of the suite ``contract``."""
