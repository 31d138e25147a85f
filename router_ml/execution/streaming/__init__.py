"""Answers as they come, and what is shown of them before they are whole."""
