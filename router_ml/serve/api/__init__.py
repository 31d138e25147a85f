"""The endpoints, a file for each group of them; each has a ``router`` that ``app`` includes."""
