"""What else a request gets besides a lane: what it says, which rules of the plan match, what is missing, what outcomes
taught. ``router_ml.planning.plan`` makes the plan of it."""
