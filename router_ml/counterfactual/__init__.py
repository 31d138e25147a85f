"""What would have been: a recorded decision under other terms, other rules, other lanes."""
