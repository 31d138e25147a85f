"""Tools: their contracts, what lanes are offered, and what happens when they ask for one."""
