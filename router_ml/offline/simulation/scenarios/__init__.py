"""What is played: the shape of a scenario, its library, and how a YAML becomes one."""
