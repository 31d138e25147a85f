"""From a request to a decision: whole, by a deadline, late, in the shadow, or once more after a person agreed."""
