"""The live page: what happens now, and how the service stands."""
