"""People who look first: what waits for them, and what they said."""
