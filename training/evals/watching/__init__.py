"""What results depend on, what has changed of it since, and whether a lane is still the one that was evaluated."""
