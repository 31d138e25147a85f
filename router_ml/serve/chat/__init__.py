"""Answers of lanes over HTTP, whole or as they come, in the shapes of the OpenAI API."""
