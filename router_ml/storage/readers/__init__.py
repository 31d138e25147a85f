"""Long logs as arrays and pages, for learning and counting."""
