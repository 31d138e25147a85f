"""Output contracts: what is asked of a lane, and whether its answer is one."""
