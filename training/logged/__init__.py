"""Logged decisions as something to learn from: checked, sampled, certified."""
