"""Calls to lanes: through LiteLLM, in one normal form, behind breakers and caps."""
