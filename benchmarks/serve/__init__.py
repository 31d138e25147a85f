"""Measurements of the gateway: running servers on loopback, with fault servers in the place of vendors."""
