"""Checks of the suite ``budgets``."""
