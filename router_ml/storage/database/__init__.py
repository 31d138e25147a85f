"""The tables of a log and all that writes rows into them."""
