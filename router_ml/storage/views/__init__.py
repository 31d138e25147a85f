"""A log as people look at it: lists, counts, and the story of one decision."""
