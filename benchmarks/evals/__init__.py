"""What the suites see: lanes of known behaviour on a fault server, a good one and others with planted failures."""
