"""Judges: ways to tell whether an answer is right, or how good it is."""
