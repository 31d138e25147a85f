"""Checks, a module for each suite."""
