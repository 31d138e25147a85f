"""Questions about logged decisions, and what the answer rests on."""
