"""The loop in time: calls, failures, breakers, limits, money, ratings."""
