"""Hard rules: conditions, limits, what follows from them, and what may be kept."""
