"""Who decides: the router itself, and what it is compared with."""
