"""A good lane on a fault server, which answers each case as its reference does, in other words with each seed."""
