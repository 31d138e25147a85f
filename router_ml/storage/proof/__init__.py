"""Hash chains, checkpoints, and the look at everything that they vouch for."""
