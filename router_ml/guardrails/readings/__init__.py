"""Readings of a text with its disguises taken off."""
