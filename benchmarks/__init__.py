"""Measurements of speed and size, to be read beside their targets."""
