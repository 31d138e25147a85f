"""Pages of what was decided, what waits for people, and what they did."""
