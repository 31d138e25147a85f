"""Asking: a lane, the whole router, or the router's rules alone; what may be sent, and at which price."""
