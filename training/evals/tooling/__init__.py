"""What the checks of calls of tools are made of."""
