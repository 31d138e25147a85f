"""Texts with what is known of their labels."""
